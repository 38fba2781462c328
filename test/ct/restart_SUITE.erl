%% All members restarted one after the other, under load: no state is lost, and no child moves more often than it must, out once and home once for
%% the restart of its owner. Members leave (`ringnode leave`, SIGTERM, an orderly stop of a BEAM), or are drained first.
-module(restart_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([programs_leave_one_after_the_other/1, programs_are_drained_one_after_the_other/1,
         beams_stop_one_after_the_other/1, a_drained_beam_stays_drained_when_its_program_dies/1, a_slow_drain_keeps_to_its_rate/1,
         a_cordoned_program_keeps_its_children_and_gets_no_new_ones/1, a_cordoned_beam_keeps_its_children_and_gets_no_new_ones/1,
         beside_a_legacy_member_drain_is_refused_and_ends/1, what_is_left_at_the_end_is_named/1]).

-import(dropin_kit, [members/1]).
-import(ring_cluster, [in/2, eventually/2, eventually/3, command/1, node_name/1, cookie_file/0]).

-define(SUP, restarted).
-define(PROGRAMS, ["again1", "again2", "again3"]).
-define(SETTLE_MS, 60000).

suite() ->
    [{timetrap, {seconds, 300}}].

all() ->
    [programs_leave_one_after_the_other, programs_are_drained_one_after_the_other,
     beams_stop_one_after_the_other, a_drained_beam_stays_drained_when_its_program_dies, a_slow_drain_keeps_to_its_rate,
     a_cordoned_program_keeps_its_children_and_gets_no_new_ones, a_cordoned_beam_keeps_its_children_and_gets_no_new_ones,
     beside_a_legacy_member_drain_is_refused_and_ends, what_is_left_at_the_end_is_named].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(_Case, Config) ->
    [file:del_dir_r(ring_cluster:data_dir(Name)) || Name <- ?PROGRAMS],
    dropin_kit:begin_case(Config).

end_per_testcase(_Case, Config) ->
    dropin_kit:end_case(Config).

programs_leave_one_after_the_other(_Config) ->
    {Dev, Programs} = three_programs(),
    under_load(Dev, fun() ->
        [restart_program(Dev, Name, maps:get(Name, Programs), How) || {Name, How} <- lists:zip(?PROGRAMS, [leave, sigterm, leave])]
    end).

programs_are_drained_one_after_the_other(_Config) ->
    {Dev, Programs} = three_programs(),
    under_load(Dev, fun() ->
        [restart_program(Dev, Name, maps:get(Name, Programs), drain) || Name <- ?PROGRAMS]
    end).

%% Counts are added while nothing moves: a BEAM process works on while migrate/3 takes its state. Readers call all the time.
beams_stop_one_after_the_other(_Config) ->
    Names = ["beam_again1", "beam_again2", "beam_again3"],
    Members = members(Names),
    Nodes = [Node || #{node := Node} <- Members],
    Reader = client("beam_reader", Nodes),
    [start_beam_children(M) || M <- Members],
    await_settled(Reader, Nodes),
    First = [Id || Node <- Nodes, {started, Id} <- seen_on(Reader, Node)],
    Load = in(Reader, fun() -> start_callers(count) end),
    {_, Starts} = lists:foldl(
        fun({Name, How}, {Running, Seen}) ->
            increment_all(Reader),
            {Gone, Back} = restart_beam(Reader, Name, maps:get(Name, Running), How, Nodes),
            {Running#{Name := Back}, Gone ++ Seen}
        end, {maps:from_list(lists:zip(Names, Members)), []}, lists:zip(Names, [stop, drain, stop])),
    All = Starts ++ [Id || #{node := Node} <- Members, {started, Id} <- seen_on(Reader, Node)],
    Tallies = in(Reader, fun() -> stop_callers(Load) end),
    Moves = All -- First,
    ?assertEqual([], [{Id, N} || Id <- ids(), N <- [length([I || I <- Moves, I =:= Id])], N > 2]),
    ?assertEqual([3], lists:usort([in(Reader, fun() -> supervisorring:call(?SUP, Id, count) end) || Id <- ids()])),
    ct:pal("calls ~p, failed ~p", [lists:sum([length(Done) || {Done, _} <- Tallies]), [F || {_, F} <- Tallies]]),
    %% A call that a child's stop cut off; never one that found no child.
    ?assertEqual([], [Why || {_, Failed} <- Tallies, Why <- Failed, Why =/= shutdown]).

a_drained_beam_stays_drained_when_its_program_dies(_Config) ->
    [M1, M2] = Members = members(["drained1", "drained2"]),
    [B1, B2] = Nodes = [Node || #{node := Node} <- Members],
    [start_beam_children(M) || M <- Members],
    await_settled(M2, Nodes),
    Drained = fun() ->
        eventually(fun() -> {running_on(M2, B1), running_on(M2, B2)} end, {0, length(ids())}, ?SETTLE_MS),
        [eventually(fun() -> in(M, fun() -> lists:usort([supervisorring:find(?SUP, Id) || Id <- ids()]) end) end, [B2], ?SETTLE_MS) || M <- Members]
    end,
    ?assertEqual(ok, in(M2, fun() -> supervisorring:drain([{node, B1}]) end)),
    Drained(),
    in(M1, fun() -> os:cmd("kill -KILL " ++ ring_cluster:program_pid()) end),
    eventually(fun() -> in(M1, fun ring_cluster:is_ready/0) end, 10000),
    ?assertMatch(#{drain := #{self := true}}, in(M1, fun() -> supervisorring:status() end)),
    Drained(),
    in(M2, fun() -> os:cmd("kill -KILL " ++ ring_cluster:program_pid()) end),
    eventually(fun() -> in(M2, fun ring_cluster:is_ready/0) end, 10000),
    Drained(),
    ?assertEqual({error, no_other_member}, in(M2, fun() -> supervisorring:drain() end)),
    ?assertEqual(ok, in(M1, fun() -> supervisorring:uncordon() end)),
    await_settled(M2, Nodes),
    ?assert(running_on(M2, B1) > 0).

a_slow_drain_keeps_to_its_rate(_Config) ->
    {Dev, _Programs} = three_programs(),
    [A | _] = Nodes = [node_name(Name) || Name <- ?PROGRAMS],
    There = running_on(Dev, A),
    ?assert(There >= 5),
    Begin = erlang:monotonic_time(millisecond),
    ?assertEqual(ok, in(Dev, fun() -> supervisorring:drain([{node, A}, {rate, 2}]) end)),
    ?assertNotEqual(nomatch, string:find(ring_cluster:status(A), "DRAINED: it owns no children until uncordon, 2 moves a second")),
    eventually(fun() -> running_on(Dev, A) end, 0, ?SETTLE_MS),
    Took = erlang:monotonic_time(millisecond) - Begin,
    ?assert(Took >= (There - 2) * 500, {Took, There}),
    [#{excluded := [{A, drained}]} = in(Dev, fun() -> erpc:call(Node, supervisorring, explain, [?SUP, Id]) end) || Node <- Nodes, Id <- [hd(ids())]],
    %% It is up and answers, and the children are called through it.
    ?assertEqual(1, in(Dev, fun() -> erpc:call(A, supervisorring, whereis, [?SUP, hd(ids())]), supervisorring:call(?SUP, hd(ids()), increment) end)),
    {0, _} = command(["uncordon" | admin(A)]),
    await_settled(Dev, Nodes),
    ?assertEqual(There, running_on(Dev, A)),
    %% The last one that owns children is refused.
    [{0, _} = command(["drain" | admin(Node)]) || Node <- tl(Nodes)],
    {12, Text} = command(["drain" | admin(A)]),
    ?assertNotEqual(nomatch, string:find(Text, "is the only member that owns children")).

a_cordoned_program_keeps_its_children_and_gets_no_new_ones(_Config) ->
    {Dev, #{"again2" := Second}} = three_programs(),
    [A, B, C] = [node_name(Name) || Name <- ?PROGRAMS],
    Kept = pids_on(Dev, A),
    ?assert(length(Kept) >= 5),
    [1 = in(Dev, fun() -> supervisorring:call(?SUP, Id, increment) end) || Id <- ids()],
    {0, Text} = command(["cordon" | admin(A)]),
    ?assertNotEqual(nomatch, string:find(Text, "keeps its children and gets no new ones")),
    ?assertNotEqual(nomatch, string:find(ring_cluster:status(A), "CORDONED: it keeps its children (" ++ integer_to_list(length(Kept)) ++ ")")),
    [eventually(fun() -> in(Dev, fun() -> maps:get(cordoned, erpc:call(Node, supervisorring, status, [])) end) end, [A], ?SETTLE_MS) || Node <- [A, B, C]],
    New = [list_to_atom("new" ++ integer_to_list(N)) || N <- lists:seq(1, 20)],
    Ring = [Id || Id <- New, in(Dev, fun() -> erpc:call(B, supervisorring, find, [?SUP, Id]) end) =:= A],
    ?assertEqual([], Ring),
    [in(Dev, fun() -> supervisorring:start_child(?SUP, my_sup:counter(Id)) end) || Id <- New],
    ?assertEqual(Kept, pids_on(Dev, A)),
    %% What ran on one that dies goes to the third.
    ring_cluster:signal(Second, "KILL"),
    eventually(fun() -> in(Dev, fun() -> lists:usort([erpc:call(C, supervisorring, find, [?SUP, Id]) || Id <- ids()]) end) end, lists:usort([A, C]), ?SETTLE_MS),
    eventually(fun() -> length([Id || Id <- ids(), lists:keymember(Id, 1, pids_on(Dev, C))]) end, length(ids()) - length(Kept), ?SETTLE_MS),
    ?assertEqual(Kept, pids_on(Dev, A)),
    ?assertEqual(lists:duplicate(length(Kept), 1), [in(Dev, fun() -> supervisorring:call(?SUP, Id, get) end) || {Id, _} <- Kept]),
    [#{owner := A} = in(Dev, fun() -> erpc:call(C, supervisorring, explain, [?SUP, Id]) end) || {Id, _} <- Kept],
    %% Uncordoned it owns its share again, and the counts come along.
    {0, _} = command(["uncordon" | admin(A)]),
    await_share(Dev, [A, C]),
    ?assertEqual(lists:duplicate(length(Kept), 1), [in(Dev, fun() -> supervisorring:call(?SUP, Id, get) end) || {Id, _} <- Kept]),
    {0, _} = command(["cordon" | admin(C)]),
    {12, Why} = command(["cordon" | admin(A)]),
    ?assertNotEqual(nomatch, string:find(Why, "is the only member that owns children")),
    #{node := Old} = ring_cluster:start_legacy("again_old", [A]),
    eventually(fun() -> string:find(ring_cluster:status(C), "not cordoned any more") =/= nomatch end, ?SETTLE_MS),
    {12, Legacy} = command(["cordon" | admin(C)]),
    ?assertNotEqual(nomatch, string:find(Legacy, atom_to_list(Old) ++ " runs the Elixir library")).

a_cordoned_beam_keeps_its_children_and_gets_no_new_ones(_Config) ->
    [M1, M2] = Members = members(["cordoned1", "cordoned2"]),
    [B1, B2] = Nodes = [Node || #{node := Node} <- Members],
    [start_beam_children(M) || M <- Members],
    await_settled(M2, Nodes),
    Kept = pids_on(M2, B1),
    New = [list_to_atom("new" ++ integer_to_list(N)) || N <- lists:seq(1, 20)],
    Stays = fun() ->
        [eventually(fun() -> in(M, fun() -> lists:usort([supervisorring:find(?SUP, Id) || {Id, _} <- Kept]) end) end, [B1], ?SETTLE_MS) || M <- Members],
        [eventually(fun() -> in(M, fun() -> lists:usort([supervisorring:find(?SUP, Id) || Id <- New]) end) end, [B2], ?SETTLE_MS) || M <- Members],
        ?assertEqual(Kept, pids_on(M2, B1))
    end,
    ?assertEqual(ok, in(M2, fun() -> supervisorring:cordon([{node, B1}]) end)),
    Stays(),
    [in(M1, fun() -> supervisorring:start_child(?SUP, beam_child:spec(Id)) end) || Id <- New],
    ?assertEqual(length(New) + length(ids()) - length(Kept), running_on(M1, B2)),
    [1 = in(M2, fun() -> supervisorring:call(?SUP, Id, increment) end) || {Id, _} <- Kept],
    [begin
         in(M, fun() -> os:cmd("kill -KILL " ++ ring_cluster:program_pid()) end),
         eventually(fun() -> in(M, fun ring_cluster:is_ready/0) end, 10000),
         Stays()
     end || M <- Members],
    ?assertMatch(#{cordon := #{self := true}}, in(M1, fun() -> supervisorring:status() end)),
    ?assertEqual({error, no_other_member}, in(M2, fun() -> supervisorring:cordon() end)),
    ?assertEqual(ok, in(M1, fun() -> supervisorring:uncordon() end)),
    await_share(M2, Nodes),
    ?assertEqual(lists:duplicate(length(Kept), 1), [in(M2, fun() -> supervisorring:call(?SUP, Id, count) end) || {Id, _} <- Kept]).

beside_a_legacy_member_drain_is_refused_and_ends(_Config) ->
    {Dev, _Programs} = three_programs(),
    [A | _] = [node_name(Name) || Name <- ?PROGRAMS],
    {0, _} = command(["drain", "--wait", "30s" | admin(A)]),
    ?assertEqual(0, running_on(Dev, A)),
    #{node := Old} = ring_cluster:start_legacy("again_old", [A]),
    eventually(fun() -> in(Dev, fun() -> maps:get(drained, erpc:call(A, supervisorring, status, [])) end) end, [], ?SETTLE_MS),
    eventually(fun() -> string:find(ring_cluster:status(A), "not drained any more") =/= nomatch end, ?SETTLE_MS),
    {12, Text} = command(["drain" | admin(A)]),
    ?assertNotEqual(nomatch, string:find(Text, atom_to_list(Old) ++ " runs the Elixir library")).

%% Nobody else runs the supervisor.
what_is_left_at_the_end_is_named(_Config) ->
    Dev = client("again_dev", [node_name("again1")]),
    Program = start_program(Dev, "again1", []),
    _ = ring_cluster:start_ringnode("again2", ["--join", atom_to_list(node_name("again1")), "--force"]),
    eventually(fun() -> in(Dev, fun() -> length(maps:get(up, supervisorring:status())) end) end, 2, ?SETTLE_MS),
    {0, Text} = command(["leave", "--leave-timeout", "500ms" | admin(node_name("again1"))]),
    ?assertNotEqual(nomatch, string:find(Text, "has left")),
    Log = ring_cluster:log(Program),
    [?assertNotEqual(nomatch, string:find(Log, Part), {Part, Log})
     || Part <- ["leaving without having handed over", "in time", "not handed over: child r", "not handed over: "]].

%% The members

ids() ->
    [list_to_atom("r" ++ integer_to_list(N)) || N <- lists:seq(1, 40)].

admin(Node) ->
    ["--name", atom_to_list(Node), "--cookie-file", cookie_file()].

%% A BEAM that is no member: it defines the supervisor, and calls.
client(Name, Members) ->
    Beam = ring_cluster:start_beam(Name),
    in(Beam, fun() ->
        _ = application:load(supervisorring),
        application:set_env(supervisorring, members, Members)
    end),
    Beam.

three_programs() ->
    Nodes = [First | _] = [node_name(Name) || Name <- ?PROGRAMS],
    Dev = client("again_dev", Nodes),
    Programs = [{Name, start_program(Dev, Name, [["--join", atom_to_list(First)] || node_name(Name) =/= First])} || Name <- ?PROGRAMS],
    await_settled(Dev, Nodes),
    {Dev, maps:from_list(Programs)}.

start_program(#{node := Dev}, Name, Join) ->
    Supervisor = io_lib:format("~s=owned_sup@~s=~w", [?SUP, Dev, {all, {counters, ids()}}]),
    ring_cluster:start_ringnode(Name, lists:append(Join) ++ ["--supervisor", lists:flatten(Supervisor)]).

restart_program(Dev, Name, Program, How) ->
    Node = node_name(Name),
    case How of
        leave -> {0, _} = command(["leave" | admin(Node)]);
        sigterm -> ring_cluster:signal(Program, "TERM");
        drain ->
            {0, Text} = command(["drain", "--wait", "60s" | admin(Node)]),
            ?assertNotEqual(nomatch, string:find(Text, "no child runs there any more")),
            ?assertEqual(0, running_on(Dev, Node)),
            {0, _} = command(["leave" | admin(Node)])
    end,
    ?assertEqual(0, ring_cluster:await_exit(Program, 40000)),
    ?assertEqual(nomatch, string:find(ring_cluster:log(Program), "not handed over")),
    await_settled(Dev, [node_name(Other) || Other <- ?PROGRAMS, Other =/= Name]),
    _ = start_program(Dev, Name, []),
    await_settled(Dev, [node_name(Each) || Each <- ?PROGRAMS]).

start_beam_children(Member) ->
    Specs = [beam_child:spec(Id) || Id <- ids()],
    in(Member, fun() ->
        beam_child:witness(),
        {ok, Pid} = supervisorring:start_link({local, ?SUP}, beam_child, {ok, {{one_for_one, 20, 5}, Specs}}),
        unlink(Pid)
    end).

%% What had started on it, and the BEAM that came back.
restart_beam(Reader, Name, #{node := Node} = Member, How, Nodes) ->
    How =:= drain andalso begin
        ?assertEqual(ok, in(Member, fun() -> supervisorring:drain() end)),
        eventually(fun() -> running_on(Reader, Node) end, 0, ?SETTLE_MS)
    end,
    Started = [Id || {started, Id} <- seen_on(Reader, Node)],
    in(Member, fun() -> spawn(fun() -> timer:sleep(100), init:stop() end) end),
    await_settled(Reader, Nodes -- [Node]),
    ring_cluster:stop_beam(Member),
    eventually(fun() -> lists:member(Name, ring_cluster:epmd_names()) end, false, ?SETTLE_MS),
    Back = ring_cluster:start_dropin(Name, #{}),
    ring_cluster:legacy_modules(Back),
    start_beam_children(Back),
    await_settled(Reader, Nodes),
    {Started, Back}.

seen_on(Reader, Node) ->
    in(Reader, fun() -> erpc:call(Node, beam_child, seen, []) end).

increment_all(Reader) ->
    in(Reader, fun() -> [supervisorring:call(?SUP, Id, increment) || Id <- ids()] end).

%% What is asked of them

running_on(Dev, Node) ->
    in(Dev, fun() -> length([Id || {Id, Pid, _, _} <- children(Node), is_pid(Pid)]) end).

pids_on(Dev, Node) ->
    in(Dev, fun() -> lists:sort([{Id, Pid} || {Id, Pid, _, _} <- children(Node), is_pid(Pid)]) end).

%% Each of the children that are there from the start runs once, on the member that these name.
await_share(Dev, Nodes) ->
    eventually(fun() -> in(Dev, fun() ->
        [Id || Id <- ids(), Node <- Nodes,
               Owner <- [erpc:call(Node, supervisorring, find, [?SUP, Id])],
               [Owner] =/= [Each || Each <- Nodes, lists:keymember(Id, 1, children(Each))]]
    end) end, [], ?SETTLE_MS).

children(Node) ->
    try supervisor:which_children({?SUP, Node})
    catch exit:_ -> []
    end.

%% These are up, and each child runs once, on the member that all of them name.
await_settled(Dev, Nodes) ->
    eventually(fun() -> in(Dev, fun() ->
        Running = [{Id, Node} || Node <- Nodes, {Id, Pid, _, _} <- children(Node), is_pid(Pid)],
        Up = [maps:get(up, erpc:call(Node, supervisorring, status, [])) || Node <- Nodes],
        Owned = [[{Id, erpc:call(Node, supervisorring, find, [?SUP, Id])} || Id <- ids()] || Node <- Nodes],
        {lists:usort(Up), [lists:sort(Running) -- lists:sort(Each) || Each <- Owned], length(Running)}
    end) end, {[lists:sort(Nodes)], [[] || _ <- Nodes], length(ids())}, ?SETTLE_MS).

%% Load: every count that was answered is there at the end, and no child had more than three pids.
under_load(Dev, Fun) ->
    {Callers, Watch} = in(Dev, fun() -> {start_callers(increment), spawn(fun() -> watch(#{}) end)} end),
    Fun(),
    Tallies = in(Dev, fun() -> stop_callers(Callers) end),
    Pids = in(Dev, fun() -> Watch ! {pids, self()}, receive {pids, Map} -> Map after 30000 -> error(no_watch) end end),
    ct:pal("calls ~p, failed ~p~npids seen ~p", [lists:sum([length(Done) || {Done, _} <- Tallies]), [F || {_, F} <- Tallies],
                                                 [length(Seen) || Seen <- maps:values(Pids)]]),
    ?assertEqual([], lists:append([Failed || {_, Failed} <- Tallies])),
    Done = lists:append([Ids || {Ids, _} <- Tallies]),
    ?assert(length(Done) > 100),
    Counts = in(Dev, fun() -> [{Id, supervisorring:call(?SUP, Id, get)} || Id <- ids()] end),
    ?assertEqual([{Id, length([I || I <- Done, I =:= Id])} || Id <- ids()], Counts),
    ?assertEqual([], [{Id, Seen} || {Id, Seen} <- maps:to_list(Pids), length(Seen) > 3]).

start_callers(Request) ->
    [spawn(fun() -> caller(Request, [], []) end) || _ <- lists:seq(1, 4)].

stop_callers(Callers) ->
    [begin Pid ! {stop, self()}, receive {done, Pid, Done, Failed} -> {Done, Failed} after 60000 -> error(stuck) end end || Pid <- Callers].

caller(Request, Done, Failed) ->
    receive
        {stop, From} -> From ! {done, self(), Done, Failed}
    after 2 ->
        Id = lists:nth(rand:uniform(length(ids())), ids()),
        try supervisorring:call(?SUP, Id, Request, 30000) of
            N when is_integer(N) -> caller(Request, [Id | Done], Failed)
        catch
            exit:{Reason, _} -> caller(Request, Done, [Reason | Failed])
        end
    end.

%% The pids that each child has had, by the lists of all members.
watch(Seen) ->
    receive
        {pids, From} -> From ! {pids, Seen}
    after 10 ->
        Running = try supervisorring:which_children(?SUP) catch _:_ -> [] end,
        watch(lists:foldl(fun({Id, Pid, _, _}, Map) when is_pid(Pid) ->
                                  maps:update_with(Id, fun(Pids) -> lists:usort([Pid | Pids]) end, [Pid], Map);
                             (_, Map) -> Map
                          end, Seen, Running))
    end.
