%% Supervisors whose children belong to some members only: C nodes, BEAMs with a program beside
%% them, or a list; alone, and beside legacy members.
-module(who_owns_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([children_stay_with_their_members/1, nobody_up_is_one_clear_answer/1,
         a_wrong_set_is_refused/1, members_that_disagree_say_so/1,
         beside_a_legacy_member_it_is_refused_or_falls_back/1]).

-import(dropin_kit, [members/1]).
-import(ring_cluster, [in/2, eventually/2, eventually/3]).

-define(NATIVE, owned_native).
-define(BEAMS, owned_beam).
-define(LISTED, owned_listed).
-define(MIXED, 'Elixir.MixedSup').
-define(SETTLE_MS, 30000).

suite() ->
    [{timetrap, {seconds, 180}}].

all() ->
    [children_stay_with_their_members, nobody_up_is_one_clear_answer, a_wrong_set_is_refused,
     members_that_disagree_say_so, beside_a_legacy_member_it_is_refused_or_falls_back].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(_Case, Config) ->
    dropin_kit:begin_case(Config).

end_per_testcase(_Case, Config) ->
    dropin_kit:end_case(Config).

%% Two BEAMs, two C nodes, and one supervisor for each kind of set. The C nodes have no definition of the
%% one that is the BEAMs', and join all the same.
children_stay_with_their_members(_Config) ->
    [M1, M2] = Beams = members(["owns1", "owns2"]),
    [B1, B2] = [Node || #{node := Node} <- Beams],
    [C1, C2] = [ring_cluster:node_name(Name) || Name <- ["owns_cpp1", "owns_cpp2"]],
    Sets = [{?NATIVE, native, {counters, ids("n")}}, {?BEAMS, beam, {beam, ids("b")}},
            {?LISTED, [B2, C1], {counters, ids("l")}}],
    [?assertEqual(ok, in(M, fun() -> owned_sup:start(Sup, Set, Specs) end))
     || M <- Beams, {Sup, Set, Specs} <- Sets],
    Defined = [argument(Sup, Set, B1) || {Sup, _, _} = Set <- Sets, Sup =/= ?BEAMS],
    Cpp1 = start_cpp("owns_cpp1", B1, Defined),
    _ = start_cpp("owns_cpp2", B1, Defined),
    All = [B1, B2, C1, C2],
    Settled = fun(Native, Beam, Listed) ->
        Nodes = lists:usort(Beam ++ All),
        eventually(fun() -> in(M1, fun() ->
            {misplaced(?NATIVE, ids("n"), Native, Nodes), misplaced(?BEAMS, ids("b"), Beam, Nodes),
             misplaced(?LISTED, ids("l"), Listed, Nodes)}
        end) end, {[], [], []}, ?SETTLE_MS)
    end,
    Settled([C1, C2], [B1, B2], [B2, C1]),
    %% Every member says the same, as do the processes that answer legacy members; one that has just come up may take a moment to be heard by all.
    Answers = [{Sup, Ids, [Node || Node <- All, Sup =/= ?BEAMS orelse lists:member(Node, [B1, B2])]}
               || {Sup, Ids} <- [{?NATIVE, ids("n")}, {?BEAMS, ids("b")}, {?LISTED, ids("l")}]],
    eventually(fun() ->
        [{Sup, Id, Said} || {Sup, Ids, Nodes} <- Answers, Id <- Ids,
                            Said <- [lists:usort([in(M, fun() -> supervisorring:find(Sup, Id) end) || M <- Beams]
                                                 ++ [in(M1, fun() -> ring_view:owner(Node, Sup, Id) end) || Node <- Nodes])],
                            length(Said) =/= 1]
    end, [], ?SETTLE_MS),
    %% Why, and what would move.
    [N1 | _] = ids("n"),
    #{members := native, excluded := Excluded, members_note := <<>>} = in(M1, fun() -> supervisorring:explain(?NATIVE, N1) end),
    ?assertEqual([{B1, members}, {B2, members}], lists:sort(Excluded)),
    #{supervisors := Plans} = in(M1, fun() -> supervisorring:plan([{without, C2}]) end),
    [#{moves := 0}] = [Plan || #{supervisor := ?BEAMS} = Plan <- Plans],
    [#{moves := Moves, excluded := [{B1, members}, {B2, members}]}] = [Plan || #{supervisor := ?NATIVE} = Plan <- Plans],
    ?assertEqual(length([Id || Id <- ids("n"), in(M1, fun() -> supervisorring:find(?NATIVE, Id) end) =:= C2]), Moves),
    {0, Text} = ring_cluster:command(["explain", "--name", atom_to_list(C1), "--cookie-file", ring_cluster:cookie_file(),
                                      atom_to_list(?NATIVE), atom_to_list(N1)]),
    [?assertNotEqual(nomatch, string:find(Text, Part), {Part, Text}) || Part <- ["members   native", "not of its members"]],
    ?assertNotEqual(nomatch, string:find(ring_cluster:status(C1), "members => native")),
    %% Calls and functions reach them.
    [?assertEqual(1, in(M1, fun() -> supervisorring:call(?NATIVE, Id, increment) end)) || Id <- ids("n")],
    [?assert(lists:member(in(M1, fun() -> supervisorring:exec(?BEAMS, Id, fun erlang:node/0) end), [B1, B2])) || Id <- ids("b")],
    ?assertMatch(#{active := 12}, in(M2, fun() -> supervisorring:count_children(?NATIVE) end)),
    %% The program of a BEAM is killed: its successor and the BEAM agree again.
    in(M1, fun() -> os:cmd("kill -KILL " ++ ring_cluster:program_pid()) end),
    eventually(fun() -> in(M1, fun ring_cluster:is_ready/0) end, 10000),
    Settled([C1, C2], [B1, B2], [B2, C1]),
    %% A C node leaves: its children take their state to the other, nobody else's move.
    BeamPids = pids(M1, ?BEAMS, All),
    {0, _} = ring_cluster:command(["leave", "--name", atom_to_list(C2), "--cookie-file", ring_cluster:cookie_file()]),
    Settled([C1], [B1, B2], [B2, C1]),
    ?assertEqual(BeamPids, pids(M1, ?BEAMS, All)),
    [?assertEqual(2, in(M1, fun() -> supervisorring:call(?NATIVE, Id, increment) end)) || Id <- ids("n")],
    %% A BEAM joins: it takes its share of the BEAMs' children and no other.
    NativePids = pids(M1, ?NATIVE, All),
    #{node := B3} = M3 = ring_cluster:start_dropin("owns3", #{join => [B1]}),
    ring_cluster:legacy_modules(M3),
    [?assertEqual(ok, in(M3, fun() -> owned_sup:start(Sup, Set, Specs) end)) || {Sup, Set, Specs} <- Sets],
    eventually(fun() -> in(M1, fun() -> misplaced(?BEAMS, ids("b"), [B1, B2, B3], [B3 | All]) end) end, [], ?SETTLE_MS),
    ?assertEqual(NativePids, pids(M1, ?NATIVE, [B3 | All])),
    %% The last C node is killed and comes back.
    ring_cluster:kill(Cpp1),
    eventually(fun() -> in(M1, fun() -> supervisorring:start_child(?NATIVE, my_sup:counter(n99)) end) end,
               {error, {no_member_up, native}}, ?SETTLE_MS),
    eventually(fun() -> in(M1, fun() -> misplaced(?LISTED, ids("l"), [B2], [B1, B2, B3]) end) end, [], ?SETTLE_MS),
    _ = start_cpp("owns_cpp1", B1, Defined),
    Settled([C1], [B1, B2, B3], [B2, C1]).

nobody_up_is_one_clear_answer(_Config) ->
    [M1] = members(["nobody1"]),
    Nobody = {no_member_up, native},
    in(M1, fun() ->
        ok = owned_sup:start(?NATIVE, native, {counters, ids("n")}),
        ?assertExit({Nobody, {supervisorring, find, [?NATIVE, n1]}}, supervisorring:find(?NATIVE, n1)),
        ?assertExit({Nobody, _}, supervisorring:call(?NATIVE, n1, increment)),
        ?assertEqual(undefined, supervisorring:whereis_name({?NATIVE, n1})),
        [?assertEqual({error, Nobody}, Answer)
         || Answer <- [supervisorring:start_child(?NATIVE, my_sup:counter(n99)), supervisorring:terminate_child(?NATIVE, n1),
                       supervisorring:restart_child(?NATIVE, n1), supervisorring:delete_child(?NATIVE, n1),
                       supervisorring:exec(?NATIVE, n1, fun erlang:node/0)]],
        ?assertMatch({error, <<_/binary>>}, supervisorring:explain(?NATIVE, n1)),
        ?assertEqual(<<"no member of native is up: its children run nowhere">>, note(?NATIVE)),
        ?assertEqual([], supervisorring:which_children(?NATIVE))
    end),
    #{node := B1} = M1,
    C1 = ring_cluster:node_name("nobody_cpp1"),
    _ = start_cpp("nobody_cpp1", B1, [argument(?NATIVE, {?NATIVE, native, {counters, ids("n")}}, B1)]),
    eventually(fun() -> in(M1, fun() -> misplaced(?NATIVE, ids("n"), [C1], [B1, C1]) end) end, [], ?SETTLE_MS),
    ?assertEqual(<<>>, in(M1, fun() -> note(?NATIVE) end)).

a_wrong_set_is_refused(_Config) ->
    [M1] = members(["wrong1"]),
    in(M1, fun() ->
        process_flag(trap_exit, true),
        [?assertEqual({error, {supervisor_data, {invalid_members, Wrong}}}, owned_sup:start(?BEAMS, Wrong, {beam, []}))
         || Wrong <- [beams, [], ["b@h"], [node() | node()], #{}, 1]],
        ?assertEqual(ok, owned_sup:start(?BEAMS, [node()], {beam, ids("b")}))
    end).

%% All of them go by one set, so that each child runs once.
members_that_disagree_say_so(_Config) ->
    [M1, M2] = Beams = members(["differ1", "differ2"]),
    [B1, B2] = Nodes = [Node || #{node := Node} <- Beams],
    ok = in(M1, fun() -> owned_sup:start(?BEAMS, [B1], {beam, ids("b")}) end),
    ok = in(M2, fun() -> owned_sup:start(?BEAMS, [B2], {beam, ids("b")}) end),
    [begin
         eventually(fun() -> in(M, fun() -> string:find(note(?BEAMS), "disagree") =/= nomatch end) end, ?SETTLE_MS),
         ?assertMatch([_ | _], dropin_kit:lines([{beam, M}], "the members disagree about who owns its children"))
     end || M <- Beams],
    eventually(fun() -> in(M2, fun() -> misplaced(?BEAMS, ids("b"), [B1], Nodes) end) end, [], ?SETTLE_MS),
    [?assertEqual(B1, in(M, fun() -> supervisorring:exec(?BEAMS, b1, fun erlang:node/0) end)) || M <- Beams].

%% Its children are placed by all members wherever a legacy member runs it.
beside_a_legacy_member_it_is_refused_or_falls_back(_Config) ->
    [file:del_dir_r(ring_cluster:data_dir(Name)) || Name <- ["old1", "new1"]],
    _ = file:delete(ring_cluster:children_file()),
    #{node := L1} = Legacy = ring_cluster:start_legacy("old1"),
    {ok, _} = in(Legacy, fun() -> ?MIXED:start() end),
    #{node := N1} = Member = ring_cluster:start_dropin("new1", #{join => [L1]}),
    ring_cluster:legacy_modules(Member),
    eventually(fun() -> in(Member, fun() -> ring_view:up(node()) end) end, lists:sort([L1, N1]), 15000),
    Ids = in(Member, fun() -> ?MIXED:ids() end),
    Start = fun() -> in(Member, fun() -> process_flag(trap_exit, true), owned_sup:start(?MIXED, beam, {counters, Ids}) end) end,
    ?assertEqual({error, {members_refused, beam, [L1]}}, Start()),
    ?assertMatch([_], dropin_kit:lines([{beam, Member}], "does not start with members => beam while")),
    %% The legacy member goes; then it starts; that one comes back.
    ring_cluster:stop_beam(Legacy),
    eventually(fun() -> in(Member, fun() -> ring_view:up(node()) end) end, [N1], 15000),
    ?assertEqual(ok, Start()),
    eventually(fun() -> in(Member, fun() -> misplaced(?MIXED, Ids, [N1], [N1]) end) end, [], ?SETTLE_MS),
    Again = ring_cluster:start_legacy("old1"),
    {ok, _} = in(Again, fun() -> ?MIXED:start() end),
    eventually(fun() -> in(Member, fun() -> string:find(note(?MIXED), "is not kept while") =/= nomatch end) end, ?SETTLE_MS),
    eventually(fun() -> in(Member, fun() -> misplaced(?MIXED, Ids, [L1, N1], [L1, N1]) end) end, [], ?SETTLE_MS),
    ?assertEqual(in(Again, fun() -> ring_view:legacy_owners(?MIXED, Ids) end),
                 in(Member, fun() -> [supervisorring:find(?MIXED, Id) || Id <- Ids] end)),
    ring_cluster:stop_beam(Again),
    eventually(fun() -> in(Member, fun() -> note(?MIXED) end) end, <<>>, ?SETTLE_MS),
    eventually(fun() -> in(Member, fun() -> misplaced(?MIXED, Ids, [N1], [N1]) end) end, [], ?SETTLE_MS).

%% What they share

ids(Letter) ->
    [list_to_atom(Letter ++ integer_to_list(N)) || N <- lists:seq(1, 12)].

%% --supervisor, read from the module on that node.
argument(Sup, {Sup, Set, Specs}, Node) ->
    lists:flatten(io_lib:format("~w=owned_sup@~s=~w", [Sup, Node, {Set, Specs}])).

start_cpp(Name, Join, Definitions) ->
    ring_cluster:start_ringnode(Name, ["--join", atom_to_list(Join) | lists:append([["--supervisor", Text] || Text <- Definitions])]).

%% On a member: what keeps each child from running once, on the member that find/2 names, which is one of the owners.
misplaced(Sup, Ids, Owners, Nodes) ->
    Running = [{Id, Node} || Node <- Nodes, {Id, Pid, _, _} <- children(Sup, Node), is_pid(Pid)],
    [{Id, Owner, On} || Id <- Ids,
                        Owner <- [supervisorring:find(Sup, Id)],
                        On <- [[Node || {Known, Node} <- Running, Known =:= Id]],
                        On =/= [Owner] orelse not lists:member(Owner, Owners)].

children(Sup, Node) ->
    try supervisor:which_children({Sup, Node})
    catch exit:_ -> []
    end.

pids(Member, Sup, Nodes) ->
    in(Member, fun() -> lists:sort([{Id, Pid} || Node <- Nodes, {Id, Pid, _, _} <- children(Sup, Node)]) end).

%% On a member: what its status says of who owns the children.
note(Sup) ->
    [Note] = [Note || #{name := Name, members_note := Note} <- maps:get(supervisors, supervisorring:status()), Name =:= Sup],
    Note.
