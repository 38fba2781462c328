%% @doc The ring on this BEAM: who owns a child, answered in the caller's process.
%%
%% The program announces every change of the ring; the owner of its port hands it to {@link put/1}.
%% {@link owner/2} then answers what the program would answer: SHA-1 of the external term of
%% `{Sup, Id}', the first point that is not below it, wrapping to the first; atoms as OTP 25 or
%% as OTP 26 writes them; equal points of two members belong to the name that sorts first.
%% Where a key's external form depends on the VM (see {@link owner/2}) it leaves the answer to
%% the program.
%%
%% The points live in an `atomics' array that a persistent term names. A change of the ring is
%% written into the half of it that nobody reads, and one word then says which half counts: no
%% process is scanned for an old term, as putting a new persistent term would have all of them
%% scanned (50 to 100 ms for a process with a heap of 390 MB). Readers take no lock and copy nothing.
%% The persistent term itself changes only when the array has to grow.
%%
%% A supervisor whose children belong to some of the members only (`members' in its flags) has an
%% array of its own, of those members' points. The program says which they are: {@link restrict/2}.
%% The persistent term then holds a map of such supervisors besides; where there are none, looking
%% up does nothing for them.
%%
%% Lists and sets, which are asked for less often, are rows of an ets table. Its owner is the
%% process that calls {@link new/0}, which should live as long as the application.
-module(supervisorring_ring).

-export([new/0, clear/0, put/1, restrict/2, find/2, owner/2, up/0, nodes/0, view/0]).
-export([digest/2]).

-export_type([ring/0, format/0]).

-type format() :: 25 | 26.
-type ring() :: #{up := [node()], nodes := [node()], format := format(), settled := boolean(),
                  node_set := term(), up_set := term()}.

-define(POINTS_PER_MEMBER, 300).
%% Word 1 of the array: Version:40, Bits:6, Format:1; 0 while there is no ring. The lowest bit of
%% Version says which half counts; Bits is the binary logarithm of the number of buckets.
-define(STATE, 1).
%% Word 2: how many names have an index. An index is never given to another name, so that a
%% reader of an old half does not name the wrong member.
-define(NAMES, 2).
%% Word 3: the version that was written last.
-define(VERSION, 3).
-define(HEADER, 3).
%% A point is three words: the first 43 bits of its digest and 16 bits of its member's index;
%% the next 59 bits; the last 58. All words are small integers.
-define(WORDS, 3).
-define(MAX_A, (1 bsl 43 - 1)).
-define(MAX_B, (1 bsl 59 - 1)).
-define(MAX_C, (1 bsl 58 - 1)).
-define(FIRST_CAPACITY, 2400).
-define(FIRST_FORMAT, 25).
-define(MAX_NAMES, 65535).
-define(MAX_SMALL_MAP, 32).
-define(MAX_DEPTH, 250).

%% @doc Makes the table; there is no ring until one is put.
-spec new() -> ok.
new() ->
    ok = clear(),
    ?MODULE = ets:new(?MODULE, [named_table, public, {read_concurrency, true}]),
    ok.

%% @doc Forgets the ring: from here on there is none.
-spec clear() -> ok.
clear() ->
    ok = no_points(),
    _ = case persistent_term:get(?MODULE, none) of
            {Array, Capacity, Half, _Owners} -> persistent_term:put(?MODULE, {Array, Capacity, Half});
            _ -> ok
        end,
    case ets:whereis(?MODULE) of
        undefined -> ok;
        _ -> true = ets:delete_all_objects(?MODULE), ok
    end.

%% @doc Puts a ring in the place of the one before. One process at a time may do so.
-spec put(ring()) -> ok.
put(#{up := Up0, format := Format} = Ring) ->
    Up = lists:usort(Up0),
    FormatBefore = maps:get(format, view(), ?FIRST_FORMAT),
    case {has_points(), view()} of
        {true, #{up := Up, format := Format}} -> ok;
        {true, #{up := Before}} -> put_points(Up, Before, Format);
        _ -> put_points(Up, [], Format)
    end,
    FormatBefore =:= Format orelse rewrite_owners(Format),
    ets:insert(?MODULE, {ring, Ring#{up := Up}}),
    ok.

%% @doc From here on the children of the supervisor belong to these up members, or to `all'. The
%% process that calls put/1 does so.
-spec restrict(supervisorring:sup(), all | [node()]) -> ok.
restrict(Sup, all) ->
    _ = case persistent_term:get(?MODULE, none) of
            {Array, Capacity, Half, #{Sup := _} = Owners} when map_size(Owners) =:= 1 ->
                persistent_term:put(?MODULE, {Array, Capacity, Half});
            {Array, Capacity, Half, #{Sup := _} = Owners} ->
                persistent_term:put(?MODULE, {Array, Capacity, Half, maps:remove(Sup, Owners)});
            _ ->
                ok
        end,
    true = ets:delete(?MODULE, {owners, Sup}),
    ok;
restrict(Sup, Members) ->
    true = ets:insert(?MODULE, {{owners, Sup}, Members}),
    {Array, Capacity, Half} = array_for(0),
    Owners = owners(),
    Before = maps:get(Sup, Owners, none),
    case write_owners(Array, Before, Members, maps:get(format, view(), ?FIRST_FORMAT)) of
        Before -> ok;
        Known -> persistent_term:put(?MODULE, {Array, Capacity, Half, Owners#{Sup => Known}})
    end.

%% @doc The up members, in ascending order.
-spec up() -> [node()].
up() ->
    maps:get(up, view(), []).

%% @doc All members, up or not.
-spec nodes() -> [node()].
nodes() ->
    maps:get(nodes, view(), []).

%% @doc The ring as it was put last; an empty map when there is none.
-spec view() -> ring() | #{}.
view() ->
    try ets:lookup(?MODULE, ring) of
        [{ring, Ring}] -> Ring;
        [] -> #{}
    catch
        error:badarg -> #{}
    end.

%% @doc The member that owns the child of a supervisor that runs here.
%%
%% Exits with `noproc' when no supervisor of that name runs here. `undecided': ask the program.
-spec find(supervisorring:sup(), supervisorring:id()) -> node() | undecided.
find(Sup, Id) when is_atom(Sup) ->
    case whereis(Sup) of
        undefined -> exit({noproc, {supervisorring, find, [Sup, Id]}});
        _ -> owner(Sup, Id)
    end.

%% @doc The member that owns the child, by the ring alone.
%%
%% `undecided' when there is no ring yet, nobody is up, or the id holds a map whose
%% order depends on the VM that wrote it: one of more than 32 keys, or one of two or more atom
%% keys where this VM or the ring's format is of OTP 26 or later. The program says what it makes of those.
-spec owner(supervisorring:sup(), supervisorring:id()) -> node() | undecided.
owner(Sup, Id) ->
    case persistent_term:get(?MODULE, none) of
        none -> undecided;
        {Array, _Capacity, Half} -> owner(Array, Half, Sup, Id);
        {_, _, _, #{Sup := {Array, _Capacity, Half}}} -> owner(Array, Half, Sup, Id);
        {Array, _Capacity, Half, _Owners} -> owner(Array, Half, Sup, Id)
    end.

owner(Array, Half, Sup, Id) ->
    case atomics:get(Array, ?STATE) of
        0 ->
            undecided;
        State ->
            Format = 25 + (State band 1),
            case is_flat(Id) orelse is_placeable(Id, Format, ?MAX_DEPTH) of
                true -> look_up(Array, Half, State, digest({Sup, Id}, Format), Sup, Id);
                false -> undecided
            end
    end.

look_up(Array, Half, State, <<First:59, _:101>> = Digest, Sup, Id) ->
    Base = base((State bsr 7) band 1, Half),
    Version = State bsr 7,
    case atomics:get(Array, Base + (First bsr (59 - (State bsr 1) band 63))) of
        Word when Word bsr 16 =:= Version ->
            persistent_term:get({?MODULE, Word band 16#ffff});
        Word when Word < 0 ->
            Index = scan(Array, -Word, First bsr 16, Digest),
            %% What was read may have been written to meanwhile, but only when the state has changed.
            case atomics:get(Array, ?STATE) of
                State -> persistent_term:get({?MODULE, Index});
                _ -> owner(Sup, Id)
            end;
        _ ->
            owner(Sup, Id)
    end.

%% The first point at or after Place that is not below the digest. There always is one: the last
%% is greater than all digests.
scan(Array, Place, First, Digest) ->
    Word = atomics:get(Array, Place),
    case Word bsr 16 of
        Point when Point > First -> Word band 16#ffff;
        Point when Point < First -> scan(Array, Place + ?WORDS, First, Digest);
        _ -> scan_equal(Array, Place, Word, First, Digest)
    end.

scan_equal(Array, Place, Word, First, <<_:43, Second:59, Third:58>> = Digest) ->
    case {atomics:get(Array, Place + 1), atomics:get(Array, Place + 2)} of
        Rest when Rest >= {Second, Third} -> Word band 16#ffff;
        _ -> scan(Array, Place + ?WORDS, First, Digest)
    end.

%% @doc Where a key lies: SHA-1 of its external term, atoms as in that format.
-spec digest(term(), format()) -> <<_:160>>.
digest(Key, 25) -> crypto:hash(sha, term_to_binary(Key, [{minor_version, 1}]));
digest(Key, 26) -> crypto:hash(sha, term_to_binary(Key, [{minor_version, 2}])).

is_flat(Id) ->
    is_atom(Id) orelse is_integer(Id) orelse is_binary(Id).

%% Whether the external form of the term is the same on every VM of that format.
is_placeable(_Term, _Format, 0) -> false;
is_placeable(Map, Format, Depth) when is_map(Map) ->
    Keys = maps:keys(Map),
    length(Keys) =< ?MAX_SMALL_MAP
        andalso (is_old_order(Format) orelse length([Key || Key <- Keys, is_atom(Key)]) < 2)
        andalso all_placeable(Keys, Format, Depth - 1)
        andalso all_placeable(maps:values(Map), Format, Depth - 1);
is_placeable(Tuple, Format, Depth) when is_tuple(Tuple) ->
    all_placeable(tuple_to_list(Tuple), Format, Depth - 1);
is_placeable(List, Format, Depth) when is_list(List) ->
    all_placeable(List, Format, Depth - 1);
is_placeable(_Term, _Format, _Depth) -> true.

all_placeable([Term | Rest], Format, Depth) ->
    (is_flat(Term) orelse is_placeable(Term, Format, Depth)) andalso all_placeable(Rest, Format, Depth);
all_placeable([], _Format, _Depth) -> true;
all_placeable(Tail, Format, Depth) -> is_placeable(Tail, Format, Depth).

%% Up to OTP 25 a small map's keys are in term order, atoms too.
-if(?OTP_RELEASE >= 26).
is_old_order(_Format) -> false.
-else.
is_old_order(Format) -> Format =:= 25.
-endif.

%% Writing

put_points([], _Before, _Format) ->
    no_points();
put_points(Up, Before, Format) ->
    Points = case Before -- Up of
                 Before -> points(Up);
                 Gone -> lists:merge(points_but_for(Gone, length(Before)), points(Up -- Before))
             end,
    {Array, _, _} = Known = array_for(length(Points)),
    case indexes(Array, Up) of
        too_many ->
            no_points();
        Indexes ->
            write_half(Known, Points, Indexes, Format),
            put_array(Known)
    end.

%% Into the half that nobody reads, which then counts.
write_half({Array, Capacity, Half}, Points, Indexes, Format) ->
    Version = atomics:get(Array, ?VERSION) + 1,
    Bits = bucket_bits(length(Points)),
    Base = base(Version band 1, Half),
    Tagged = maps:map(fun(_, Index) -> (Version bsl 16) bor Index end, Indexes),
    write(Array, Points, Tagged, Bits, Base, Base + bucket_room(Capacity)),
    atomics:put(Array, ?VERSION, Version),
    atomics:put(Array, ?STATE, (Version bsl 7) bor (Bits bsl 1) bor (Format - 25)).

%% The ring's array, beside the supervisors that have one of their own.
put_array({Array, Capacity, Half} = Known) ->
    case owners() of
        Owners when map_size(Owners) =:= 0 -> persistent_term:put(?MODULE, Known);
        Owners -> persistent_term:put(?MODULE, {Array, Capacity, Half, Owners})
    end.

owners() ->
    case persistent_term:get(?MODULE, none) of
        {_Array, _Capacity, _Half, Owners} -> Owners;
        _ -> #{}
    end.

rewrite_owners(Format) ->
    {Array, Capacity, Half} = array_for(0),
    Owners = maps:map(fun(Sup, Before) ->
                              [{_, Members}] = ets:lookup(?MODULE, {owners, Sup}),
                              write_owners(Array, Before, Members, Format)
                      end, owners()),
    map_size(Owners) > 0 andalso persistent_term:put(?MODULE, {Array, Capacity, Half, Owners}),
    ok.

%% The array of a supervisor with owners of its own: the one before, or a larger one. Names have
%% their index in the ring's own array. Nobody is up, or too many names: there is no ring.
write_owners(Names, Before, Members, Format) ->
    Known = {Array, _, _} = array_for(?POINTS_PER_MEMBER * length(Members), Before),
    case Members =/= [] andalso indexes(Names, Members) of
        #{} = Indexes -> write_half(Known, points(Members), Indexes, Format);
        _ -> atomics:put(Array, ?STATE, 0)
    end,
    Known.

has_points() ->
    case persistent_term:get(?MODULE, none) of
        none -> false;
        Known -> atomics:get(element(1, Known), ?STATE) =/= 0
    end.

no_points() ->
    case persistent_term:get(?MODULE, none) of
        none -> ok;
        Known -> atomics:put(element(1, Known), ?STATE, 0)
    end.

%% The points of these members, ascending. A point is its digest in three parts, and its member; of
%% equal ones that of the name that sorts first comes first.
points(Members) ->
    lists:sort([point(atom_to_binary(Member), Number, Member)
                || Member <- Members, Number <- lists:seq(1, ?POINTS_PER_MEMBER)]).

point(Name, Number, Member) ->
    Text = <<Name/binary, (integer_to_binary(Number))/binary>>,
    <<A:43, B:59, C:58>> = crypto:hash(sha, term_to_binary(Text)),
    {A, B, C, Member}.

%% The points that are there now, read back, without those of some members.
points_but_for(Gone, Members) ->
    {Array, Capacity, Half} = array_for(0),
    First = base(atomics:get(Array, ?VERSION) band 1, Half) + bucket_room(Capacity),
    Left = maps:from_keys([persistent_term:get({?MODULE, Member}) || Member <- Gone], []),
    read_back(Array, First, First + ?WORDS * ?POINTS_PER_MEMBER * Members, Left, []).

read_back(_Array, First, First, _Gone, Points) ->
    Points;
read_back(Array, First, End, Gone, Points) ->
    Place = End - ?WORDS,
    Word = atomics:get(Array, Place),
    Index = Word band 16#ffff,
    case Gone of
        #{Index := _} ->
            read_back(Array, First, Place, Gone, Points);
        #{} ->
            Point = {Word bsr 16, atomics:get(Array, Place + 1), atomics:get(Array, Place + 2),
                     persistent_term:get({?MODULE, Index})},
            read_back(Array, First, Place, Gone, [Point | Points])
    end.

%% Points from Place on and, last, one that is greater than all digests and belongs to the first
%% point's member: the ring wraps. A bucket that holds a point names the place of its first; one
%% without names the member of the next point, and the version, so that a reader need not look twice.
write(Array, [{_, _, _, Member} | _] = Points, Indexes, Bits, Base, Place) ->
    First = maps:get(Member, Indexes),
    {NextBucket, End} =
        lists:foldl(
          fun({A, B, C, Owner}, {Next, At}) ->
                  Index = maps:get(Owner, Indexes),
                  write_point(Array, At, A, B, C, Index),
                  {fill_to(Array, Base, Next, A bsr (43 - Bits), Index, At), At + ?WORDS}
          end, {0, Place}, Points),
    write_point(Array, End, ?MAX_A, ?MAX_B, ?MAX_C, First),
    fill(Array, Base, NextBucket, 1 bsl Bits, First).

write_point(Array, Place, A, B, C, Index) ->
    atomics:put(Array, Place, (A bsl 16) bor (Index band 16#ffff)),
    atomics:put(Array, Place + 1, B),
    atomics:put(Array, Place + 2, C).

fill_to(_Array, _Base, Next, Bucket, _Index, _Place) when Bucket < Next ->
    Next;
fill_to(Array, Base, Next, Bucket, Index, Place) ->
    fill(Array, Base, Next, Bucket, Index),
    atomics:put(Array, Base + Bucket, -Place),
    Bucket + 1.

fill(_Array, _Base, End, End, _Index) ->
    ok;
fill(Array, Base, Bucket, End, Index) ->
    atomics:put(Array, Base + Bucket, Index),
    fill(Array, Base, Bucket + 1, End, Index).

%% The array, or a larger one that takes its place when it has been written.
array_for(Count) ->
    case persistent_term:get(?MODULE, none) of
        {Array, Capacity, Half, _Owners} -> array_for(Count, {Array, Capacity, Half});
        Known -> array_for(Count, Known)
    end.

array_for(Count, {_, Capacity, _} = Known) when Count =< Capacity -> Known;
array_for(Count, {Array, Capacity, _}) -> grown(Count, Capacity * 2, Array);
array_for(Count, none) -> grown(Count, ?FIRST_CAPACITY, none).

grown(Count, Capacity, Before) when Count > Capacity ->
    grown(Count, Capacity * 2, Before);
grown(_Count, Capacity, Before) ->
    Half = bucket_room(Capacity) + ?WORDS * (Capacity + 1),
    Array = atomics:new(?HEADER + 2 * Half, [{signed, true}]),
    %% A reader of a half that is being written finds an end, whatever it reads before.
    [write_point(Array, base(Number + 1, Half) - ?WORDS, ?MAX_A, ?MAX_B, ?MAX_C, 0) || Number <- [0, 1]],
    Before =/= none andalso
        [atomics:put(Array, Word, atomics:get(Before, Word)) || Word <- [?NAMES, ?VERSION]],
    {Array, Capacity, Half}.

base(Number, Half) ->
    ?HEADER + 1 + Number * Half.

bucket_room(Capacity) ->
    1 bsl bucket_bits(Capacity).

%% Two to four buckets for each point.
bucket_bits(Points) ->
    bucket_bits(Points * 2, 1).

bucket_bits(Buckets, Bits) when 1 bsl Bits >= Buckets -> Bits;
bucket_bits(Buckets, Bits) -> bucket_bits(Buckets, Bits + 1).

indexes(Array, Members) ->
    try
        maps:from_list([{Member, index(Array, Member)} || Member <- Members])
    catch
        throw:too_many -> too_many
    end.

index(Array, Member) ->
    case persistent_term:get({?MODULE, Member}, none) of
        none ->
            Index = atomics:get(Array, ?NAMES) + 1,
            Index =< ?MAX_NAMES orelse throw(too_many),
            persistent_term:put({?MODULE, Index}, Member),
            persistent_term:put({?MODULE, Member}, Index),
            atomics:put(Array, ?NAMES, Index),
            Index;
        Index ->
            Index
    end.
