%% The ring on a BEAM, and Elixir's modules for rings and sets where there is no Elixir.
-module(placement_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([keys_lie_where_the_original_puts_them/1, owners_are_those_of_the_golden_rings/1,
         equal_points_belong_to_the_name_that_sorts_first/1, a_ring_that_changed_is_the_ring_made_anew/1,
         readers_see_one_ring_or_the_other/1, what_only_the_program_may_place_is_left_to_it/1,
         a_supervisor_that_does_not_run_here_has_no_owners/1, no_ring_is_no_answer/1,
         the_view_is_what_was_put/1, a_change_of_the_ring_replaces_no_persistent_term/1,
         a_supervisor_with_members_of_its_own_has_their_ring/1,
         a_change_of_its_members_replaces_no_persistent_term/1]).
-export([consistent_hash_gives_the_golden_owners/1, consistent_hash_takes_any_set_of_nodes/1,
         lww_sets_read_as_the_original_reads_them/1, lww_sets_merge_as_the_original_merges_them/1,
         a_change_counts_after_those_it_knows/1, a_set_is_reduced_halted_and_suspended/1,
         the_names_of_a_supervisors_processes/1]).

-define(SUP, 'Elixir.MySup').

all() ->
    [keys_lie_where_the_original_puts_them, owners_are_those_of_the_golden_rings,
     equal_points_belong_to_the_name_that_sorts_first, a_ring_that_changed_is_the_ring_made_anew,
     readers_see_one_ring_or_the_other, what_only_the_program_may_place_is_left_to_it,
     a_supervisor_that_does_not_run_here_has_no_owners, no_ring_is_no_answer, the_view_is_what_was_put,
     a_change_of_the_ring_replaces_no_persistent_term,
     a_supervisor_with_members_of_its_own_has_their_ring, a_change_of_its_members_replaces_no_persistent_term,
     consistent_hash_gives_the_golden_owners, consistent_hash_takes_any_set_of_nodes,
     lww_sets_read_as_the_original_reads_them, lww_sets_merge_as_the_original_merges_them,
     a_change_counts_after_those_it_knows, a_set_is_reduced_halted_and_suspended,
     the_names_of_a_supervisors_processes].

init_per_suite(Config) ->
    Config.

end_per_suite(_Config) ->
    ok.

%% The table lives as long as the case's process.
init_per_testcase(_Case, Config) ->
    Config.

end_per_testcase(_Case, _Config) ->
    supervisorring_ring:clear().

%% The ring

keys_lie_where_the_original_puts_them(_Config) ->
    supervisorring_ring:new(),
    [begin
         put_ring([n1], Format),
         Keys = [{golden:term(Hex), binary:decode_hex(Digest)}
                 || #{<<"keys">> := Keys} <- maps:get(<<"rings">>, golden:read(File)),
                    #{<<"term">> := Hex, <<"sha1">> := Digest} <- Keys],
         Placed = [{Key, Digest} || {Key, Digest} <- Keys, supervisorring_ring:owner(?SUP, Key) =/= undecided],
         ?assert(length(Placed) > length(Keys) * 9 div 10),
         [?assertEqual({Key, Digest}, {Key, supervisorring_ring:digest(Key, Format)}) || {Key, Digest} <- Placed]
     end || {File, Format} <- [{"chash-otp25.json", 25}, {"chash-otp27.json", 26}]],
    ok.

owners_are_those_of_the_golden_rings(_Config) ->
    supervisorring_ring:new(),
    [begin
         Members = [binary_to_atom(Name) || Name <- maps:get(<<"nodes">>, Golden)],
         Points = golden_points(Golden, Members),
         [begin
              put_ring(Members, Format),
              [?assertEqual(owner_by_search(Points, supervisorring_ring:digest({?SUP, Id}, Format)),
                            supervisorring_ring:owner(?SUP, Id)) || Id <- ids(500)]
          end || Format <- [25, 26]]
     end || Golden <- maps:get(<<"rings">>, golden:read("chash-otp25.json"))],
    ok.

equal_points_belong_to_the_name_that_sorts_first(_Config) ->
    supervisorring_ring:new(),
    put_ring([n11, n1], 25),
    Ring = 'Elixir.ConsistentHash':ring_for_nodes([n11, n1]),
    Shared = supervisorring_ring:digest(<<"n111">>, 25),
    ?assertMatch([{_, n1}, {_, n11}], [Point || {Digest, _} = Point <- tuple_to_list(Ring), Digest =:= Shared]),
    same_owners([n1, n11], 25, 2000).

a_ring_that_changed_is_the_ring_made_anew(_Config) ->
    supervisorring_ring:new(),
    rand:seed(exsss, {1, 2, 3}),
    All = [list_to_atom("m" ++ integer_to_list(I) ++ "@host") || I <- lists:seq(1, 40)],
    [begin
         Members = [Member || Member <- All, rand:uniform() < Share],
         put_ring(Members, 25),
         same_owners(Members, 25, 100)
     end || Share <- [0.1, 0.2, 0.9, 0.8, 0.7, 0.0, 0.05, 1.0, 0.5, 0.55, 0.6, 0.0, 0.3]],
    ok.

readers_see_one_ring_or_the_other(_Config) ->
    supervisorring_ring:new(),
    Old = [list_to_atom("old" ++ integer_to_list(I)) || I <- lists:seq(1, 5)],
    New = [list_to_atom("new" ++ integer_to_list(I)) || I <- lists:seq(1, 20)],
    Owners = maps:from_list([{Id, [owner_in(Old, Id), owner_in(New, Id)]} || Id <- ids(200)]),
    put_ring(Old, 25),
    Readers = [spawn_monitor(fun() -> read(Owners, 0) end) || _ <- [1, 2, 3]],
    [put_ring(Members, 25) || _ <- lists:seq(1, 100), Members <- [New, Old]],
    [Reader ! stop || {Reader, _} <- Readers],
    [receive {'DOWN', Ref, process, _, Why} -> ?assertMatch({read, Count} when Count > 1000, Why) end
     || {_, Ref} <- Readers],
    ok.

read(Owners, Count) ->
    maps:foreach(fun(Id, Allowed) -> true = lists:member(supervisorring_ring:owner(?SUP, Id), Allowed) end, Owners),
    receive stop -> exit({read, Count})
    after 0 -> read(Owners, Count + maps:size(Owners))
    end.

what_only_the_program_may_place_is_left_to_it(_Config) ->
    supervisorring_ring:new(),
    Old = list_to_integer(erlang:system_info(otp_release)) < 26,
    Large = maps:from_list([{I, I} || I <- lists:seq(1, 33)]),
    TwoAtoms = #{a => 1, b => 2},
    [begin
         put_ring([n1], Format),
         [?assertEqual(undecided, supervisorring_ring:owner(?SUP, Id))
          || Id <- [Large, {x, [Large]}, #{1 => Large}, #{Large => 1}, [x | Large]]],
         [?assertEqual(n1, supervisorring_ring:owner(?SUP, Id))
          || Id <- [#{}, #{a => 1}, #{1 => a, 2 => b}, #{a => 1, <<"b">> => 2}, {x, [y | z]}, 1.5, self()]],
         Decided = case Format =:= 25 andalso Old of true -> n1; false -> undecided end,
         [?assertEqual(Decided, supervisorring_ring:owner(?SUP, Id)) || Id <- [TwoAtoms, {x, [TwoAtoms]}]]
     end || Format <- [25, 26]],
    ok.

a_supervisor_that_does_not_run_here_has_no_owners(_Config) ->
    supervisorring_ring:new(),
    put_ring([n1], 25),
    ?assertExit({noproc, {supervisorring, find, [?SUP, c1]}}, supervisorring_ring:find(?SUP, c1)),
    register(?SUP, self()),
    ?assertEqual(n1, supervisorring_ring:find(?SUP, c1)).

no_ring_is_no_answer(_Config) ->
    ?assertEqual(undecided, supervisorring_ring:owner(?SUP, c1)),
    ?assertEqual([], supervisorring_ring:up()),
    supervisorring_ring:new(),
    ?assertEqual(undecided, supervisorring_ring:owner(?SUP, c1)),
    put_ring([n1, n2], 25),
    ?assert(is_atom(supervisorring_ring:owner(?SUP, c1))),
    put_ring([], 25),
    ?assertEqual(undecided, supervisorring_ring:owner(?SUP, c1)),
    put_ring([n1, n2], 25),
    same_owners([n1, n2], 25, 100),
    supervisorring_ring:clear(),
    ?assertEqual(undecided, supervisorring_ring:owner(?SUP, c1)),
    ?assertEqual(#{}, supervisorring_ring:view()).

the_view_is_what_was_put(_Config) ->
    supervisorring_ring:new(),
    Ring = #{up => [n2, n1], nodes => [n1, n2, n3], format => 26, settled => false, node_set => a, up_set => b},
    supervisorring_ring:put(Ring),
    ?assertEqual([n1, n2], supervisorring_ring:up()),
    ?assertEqual([n1, n2, n3], supervisorring_ring:nodes()),
    ?assertEqual(Ring#{up := [n1, n2]}, supervisorring_ring:view()).

a_change_of_the_ring_replaces_no_persistent_term(_Config) ->
    supervisorring_ring:new(),
    Members = [n1, n2, n3, n4],
    put_ring(Members, 25),
    put_ring(tl(Members), 25),
    Before = lists:sort(persistent_term:get()),
    put_ring(Members, 25),
    put_ring(tl(Members), 26),
    ?assertEqual(Before, lists:sort(persistent_term:get())).

a_supervisor_with_members_of_its_own_has_their_ring(_Config) ->
    supervisorring_ring:new(),
    rand:seed(exsss, {4, 5, 6}),
    %% Before there is a ring, too; nobody of them up is for the program to say.
    supervisorring_ring:restrict(own, []),
    All = [n1, n11 | [list_to_atom("m" ++ integer_to_list(I) ++ "@host") || I <- lists:seq(1, 30)]],
    [begin
         Up = [Member || Member <- All, rand:uniform() < Share],
         put_ring(Up, Format),
         [begin
              Own = [Member || Member <- Up, rand:uniform() < OwnShare],
              supervisorring_ring:restrict(own, Own),
              Owner = case Own of
                          [] -> fun(_Id) -> undecided end;
                          _ -> fun(Id) -> owner_in(own, Own, Id, Format) end
                      end,
              [?assertEqual(Owner(Id), supervisorring_ring:owner(own, Id)) || Id <- ids(100)]
          end || OwnShare <- [0.2, 0.0, 0.6, 1.0]],
         same_owners(Up, Format, 100)
     end || {Share, Format} <- [{0.2, 25}, {0.9, 25}, {0.1, 26}, {1.0, 26}, {0.4, 25}]],
    %% The format changes under it.
    put_ring(All, 25),
    supervisorring_ring:restrict(own, [n1, n11]),
    put_ring(All, 26),
    [?assertEqual(owner_in(own, [n1, n11], Id, 26), supervisorring_ring:owner(own, Id)) || Id <- ids(100)],
    supervisorring_ring:restrict(own, all),
    [?assertEqual(owner_in(own, All, Id, 26), supervisorring_ring:owner(own, Id)) || Id <- ids(100)],
    supervisorring_ring:restrict(own, [n1]),
    supervisorring_ring:clear(),
    ?assertEqual(undecided, supervisorring_ring:owner(own, c1)).

owner_in(Sup, Members, Id, Format) ->
    owner_by_search(points(Members), supervisorring_ring:digest({Sup, Id}, Format)).

a_change_of_its_members_replaces_no_persistent_term(_Config) ->
    supervisorring_ring:new(),
    put_ring([n1, n2, n3], 25),
    supervisorring_ring:restrict(own, [n1, n2]),
    Before = lists:sort(persistent_term:get()),
    supervisorring_ring:restrict(own, [n2]),
    put_ring([n1, n2], 25),
    supervisorring_ring:restrict(own, []),
    supervisorring_ring:restrict(own, [n1, n2]),
    ?assertEqual(Before, lists:sort(persistent_term:get())),
    supervisorring_ring:restrict(own, all),
    supervisorring_ring:restrict(own, all),
    ?assertEqual([], [Key || {Key, {_, _, _, _}} <- persistent_term:get(), Key =:= supervisorring_ring]).

%% Elixir's modules

consistent_hash_gives_the_golden_owners(_Config) ->
    Otp = case list_to_integer(erlang:system_info(otp_release)) of
              Release when Release < 26 -> "25";
              _ -> "27"
          end,
    [begin
         Members = [binary_to_atom(Name) || Name <- maps:get(<<"nodes">>, Golden)],
         Ring = 'Elixir.ConsistentHash':ring_for_nodes(Members),
         _ = golden_points(Golden, Members),
         [?assertEqual(binary_to_atom(Owner), 'Elixir.ConsistentHash':node_for_key(Ring, Key))
          || #{<<"term">> := Hex, <<"node">> := Owner} <- maps:get(<<"keys">>, Golden),
             Key <- [golden:term(Hex)],
             %% A map of atoms is written in the order of the VM that made the golden data.
             term_to_binary(Key) =:= binary:decode_hex(Hex)]
     end || Golden <- maps:get(<<"rings">>, golden:read("chash-otp" ++ Otp ++ ".json"))],
    ok.

consistent_hash_takes_any_set_of_nodes(_Config) ->
    Ring = 'Elixir.ConsistentHash':ring_for_nodes([a, b]),
    ?assertEqual(Ring, 'Elixir.ConsistentHash':ring_for_nodes([b, a, b])),
    ?assertEqual(Ring, 'Elixir.ConsistentHash':ring_for_nodes('Elixir.LWWElemSet':new([a, b]))),
    ?assertEqual(Ring, 'Elixir.ConsistentHash':ring_for_nodes(supervisorring_elixir:map_set([a, b]))),
    ?assertError(badarg, 'Elixir.ConsistentHash':ring_for_nodes([])).

lww_sets_read_as_the_original_reads_them(_Config) ->
    [begin
         Set = golden:term(maps:get(<<"struct">>, Golden)),
         same_members(Golden, Set),
         [?assertEqual(IsMember, 'Elixir.LWWElemSet':'member?'(Set, golden:term(Hex)))
          || #{<<"elem">> := Hex, <<"is_member">> := IsMember} <- maps:get(<<"member">>, Golden)]
     end || Golden <- maps:get(<<"single">>, golden:read("lww-otp25.json"))],
    ok.

lww_sets_merge_as_the_original_merges_them(_Config) ->
    [begin
         [Left, Right, Both] = [golden:term(maps:get(Key, Golden)) || Key <- [<<"left">>, <<"right">>, <<"union">>]],
         ?assertEqual(Both, 'Elixir.LWWElemSet':union(Left, Right)),
         ?assertEqual(Both, 'Elixir.LWWElemSet':union(Right, Left)),
         same_members(Golden, Both)
     end || Golden <- maps:get(<<"unions">>, golden:read("lww-otp25.json"))],
    ok.

a_change_counts_after_those_it_knows(_Config) ->
    Set = lists:foldl(fun(_, Set) -> 'Elixir.LWWElemSet':delete('Elixir.LWWElemSet':put(Set, a), a) end,
                      'Elixir.LWWElemSet':new([b]), lists:seq(1, 100)),
    ?assertEqual([b], 'Elixir.LWWElemSet':to_list(Set)),
    ?assertEqual([b, a], 'Elixir.LWWElemSet':to_list('Elixir.LWWElemSet':put(Set, a))),
    Future = {9999, 999999, 999999},
    #{rem_set := #{map := Changes} = Removes} = Set,
    Ahead = Set#{rem_set := Removes#{map := Changes#{{a, Future} => []}}},
    Added = 'Elixir.LWWElemSet':put(Ahead, a),
    ?assert('Elixir.LWWElemSet':'member?'(Added, a)),
    ?assertNot('Elixir.LWWElemSet':'member?'('Elixir.LWWElemSet':delete(Added, a), a)).

a_set_is_reduced_halted_and_suspended(_Config) ->
    Set = 'Elixir.LWWElemSet':new([1, 2, 3]),
    Reduce = fun(Fun) -> 'Elixir.Enumerable.LWWElemSet':reduce(Set, {cont, []}, Fun) end,
    ?assertEqual({done, [1, 2, 3]}, Reduce(fun(Member, Acc) -> {cont, [Member | Acc]} end)),
    ?assertEqual({halted, [3]}, Reduce(fun(Member, Acc) -> {halt, [Member | Acc]} end)),
    {suspended, [3], Continue} = Reduce(fun(Member, Acc) -> {suspend, [Member | Acc]} end),
    ?assertMatch({suspended, [2, 3], _}, Continue({cont, [3]})),
    ?assertEqual({halted, x}, Continue({halt, x})).

the_names_of_a_supervisors_processes(_Config) ->
    ?assertEqual('Elixir.MySup.GlobalSup', 'Elixir.Supervisorring':global_sup_ref(?SUP)),
    ?assertEqual('Elixir.MySup.ChildManager', 'Elixir.Supervisorring':child_manager_ref(?SUP)),
    ?assertEqual(?SUP, 'Elixir.Supervisorring':local_sup_ref(?SUP)).

%% Helpers

put_ring(Up, Format) ->
    supervisorring_ring:put(#{up => Up, nodes => Up, format => Format, settled => true, node_set => x, up_set => x}).

ids(Count) ->
    lists:append([[I, {id, I}, integer_to_binary(I), list_to_atom("id" ++ integer_to_list(I)), [I, x | y]]
                  || I <- lists:seq(1, Count div 5)]).

same_owners(Members, Format, Count) ->
    [?assertEqual(case Members of
                      [] -> undecided;
                      _ -> owner_by_search(points(Members), supervisorring_ring:digest({?SUP, Id}, Format))
                  end, supervisorring_ring:owner(?SUP, Id)) || Id <- ids(Count)],
    ok.

owner_in(Members, Id) ->
    owner_by_search(points(Members), supervisorring_ring:digest({?SUP, Id}, 25)).

%% Made once for each set of members.
points(Members) ->
    case get({points, Members}) of
        undefined ->
            Points = tuple_to_list('Elixir.ConsistentHash':ring_for_nodes(Members)),
            put({points, Members}, Points),
            Points;
        Points ->
            Points
    end.

owner_by_search([{_, First} | _] = Points, Digest) ->
    case lists:dropwhile(fun({Point, _}) -> Point < Digest end, Points) of
        [{_, Owner} | _] -> Owner;
        [] -> First
    end.

%% The points of our ring of these members, which are the golden ones.
golden_points(#{<<"points_sha1">> := Sha1}, Members) ->
    Points = points(Members),
    Lines = [[string:lowercase(binary:encode_hex(Digest)), " ", atom_to_list(Member), "\n"] || {Digest, Member} <- Points],
    ?assertEqual(binary:decode_hex(Sha1), crypto:hash(sha, Lines)),
    Points.

same_members(#{<<"members_in_order">> := Members}, Set) ->
    ?assertEqual([golden:term(Hex) || #{<<"elem">> := Hex} <- Members], 'Elixir.LWWElemSet':to_list(Set)).
