%% Legacy members and programs that share one supervisor, 'Elixir.MixedSup' of test/legacy: its children are
%% GenServers on the former and native on the latter.
-module(mixed_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([every_counter_runs_on_its_owner/1, a_legacy_members_changes_reach_every_member/1,
         a_programs_changes_reach_every_member/1, both_list_the_same_children/1,
         a_function_for_a_programs_child_is_refused/1,
         a_function_for_a_legacy_members_child_runs_there/1, a_program_passes_functions_on/1,
         a_program_names_the_handler/1, a_program_starts_what_it_is_handed/1,
         a_killed_program_comes_back/1, a_killed_legacy_member_comes_back/1,
         changes_while_members_come_and_go_leave_every_child_once/1,
         a_supervisor_stopped_on_a_legacy_member_ends_everywhere/1,
         a_supervisor_that_fails_on_a_program_ends_everywhere/1]).

-import(ring_cluster, [in/2, eventually/3]).

-define(SUP, 'Elixir.MixedSup').
-define(SETTLE_MS, 30000).

all() ->
    [every_counter_runs_on_its_owner, a_legacy_members_changes_reach_every_member,
     a_programs_changes_reach_every_member, both_list_the_same_children,
     a_function_for_a_programs_child_is_refused, a_function_for_a_legacy_members_child_runs_there,
     a_program_passes_functions_on, a_program_names_the_handler, a_program_starts_what_it_is_handed,
     a_killed_program_comes_back, a_killed_legacy_member_comes_back,
     changes_while_members_come_and_go_leave_every_child_once,
     a_supervisor_stopped_on_a_legacy_member_ends_everywhere,
     a_supervisor_that_fails_on_a_program_ends_everywhere].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    Config.

end_per_suite(_Config) ->
    ring_cluster:stop().

%% Two of each kind, the first of them also the one that the programs read the supervisor from.
init_per_testcase(_Case, Config) ->
    Mark = ring_cluster:mark(),
    Names = ["legacy1", "legacy2", "cpp1", "cpp2"],
    [file:del_dir_r(ring_cluster:data_dir(Name)) || Name <- Names],
    _ = file:delete(ring_cluster:children_file()),
    Legacy = [#{node := N1} | _] = [start("legacy1", []), start("legacy2", [ring_cluster:node_name("legacy1")])],
    Programs = [start(Name, [N1]) || Name <- ["cpp1", "cpp2"]],
    Config1 = [{mark, Mark}, {legacy, Legacy}, {programs, Programs} | Config],
    await_children(Config1, Legacy ++ Programs, ids(Config1)),
    Config1.

end_per_testcase(_Case, Config) ->
    ring_cluster:stop_since(proplists:get_value(mark, Config)).

start("cpp" ++ _ = Name, [Seed]) ->
    Source = atom_to_list(ring_cluster:node_name("legacy1")),
    ring_cluster:start_ringnode(Name, ["--supervisor", "'Elixir.MixedSup'='Elixir.MixedSup'@" ++ Source,
                                       "--join", atom_to_list(Seed),
                                       %% As on the legacy members, nobody starts it again.
                                       "--top-intensity", "never"]);
start("legacy" ++ _ = Name, Others) ->
    Member = ring_cluster:start_legacy(Name, Others),
    {ok, _} = in(Member, fun() -> ?SUP:start() end),
    Member.

every_counter_runs_on_its_owner(Config) ->
    [#{node := N1} | _] = Members = members(Config),
    Owners = on_legacy(Config, fun() -> [{Id, ring_view:owner(N1, ?SUP, Id)} || Id <- ?SUP:ids()] end),
    ?assertEqual(nodes_of(Members), lists:usort([Owner || {_, Owner} <- Owners])),
    on_legacy(Config, fun() ->
        [?assertEqual({Id, Owner}, {Id, ring_view:owner(Node, ?SUP, Id)})
         || {Id, Owner} <- Owners, #{node := Node} <- Members],
        [?assertEqual(1, gen_server:call(Server, increment)) || Server <- Owners]
    end).

%% The API

a_legacy_members_changes_reach_every_member(Config) ->
    Call = fun(Function, Args) -> on_legacy(Config, fun() -> apply(supervisorring, Function, Args) end) end,
    [change(Config, Call, Id) || Id <- one_id_of_each(Config)].

a_programs_changes_reach_every_member(Config) ->
    [#{node := Program} | _] = proplists:get_value(programs, Config),
    Call = fun(Function, Args) -> ask(Config, Program, Function, Args) end,
    [change(Config, Call, Id) || Id <- one_id_of_each(Config)].

%% All changes of a child that was not there before, answered as OTP answers them.
change(Config, Call, Id) ->
    Spec = on_legacy(Config, fun() -> ?SUP:counter(Id) end),
    Owner = Call(find, [?SUP, Id]),
    {ok, Pid} = Call(start_child, [?SUP, Spec]),
    ?assertEqual({Id, Owner}, {Id, node(Pid)}),
    ?assertEqual(1, on_legacy(Config, fun() -> gen_server:call({Id, Owner}, increment) end)),
    ?assertEqual([Spec], on_legacy(Config, fun() -> ?SUP:get_all() end)),
    ?assertEqual({error, {already_started, Pid}}, Call(start_child, [?SUP, Spec])),
    ?assertEqual({error, running}, Call(restart_child, [?SUP, Id])),
    ?assertEqual({error, running}, Call(delete_child, [?SUP, Id])),
    ?assertEqual(ok, Call(terminate_child, [?SUP, Id])),
    ?assertEqual([], where(Config, Id, members(Config))),
    ?assertEqual({error, already_present}, Call(start_child, [?SUP, Spec])),
    {ok, Again} = Call(restart_child, [?SUP, Id]),
    ?assertEqual([{Id, Again}], [{Id, Running} || {_, Running} <- where(Config, Id, members(Config))]),
    ?assertEqual(ok, Call(terminate_child, [?SUP, Id])),
    ?assertEqual(ok, Call(delete_child, [?SUP, Id])),
    ?assertEqual([], on_legacy(Config, fun() -> ?SUP:get_all() end)),
    [?assertEqual({Change, {error, not_found}}, {Change, Call(Change, [?SUP, Id])})
     || Change <- [terminate_child, restart_child, delete_child]].

both_list_the_same_children(Config) ->
    [#{node := Program} | _] = proplists:get_value(programs, Config),
    Listed = on_legacy(Config, fun() -> supervisorring:which_children(?SUP) end),
    ?assertEqual(lists:sort(ids(Config)), lists:sort([Id || {Id, _, _, _} <- Listed])),
    ?assertEqual(nodes_of(members(Config)), lists:usort([node(Pid) || {_, Pid, worker, ['Elixir.Counter']} <- Listed])),
    ?assertEqual(lists:sort(Listed), lists:sort(ask(Config, Program, which_children, [?SUP]))),
    Counted = #{specs => 12, active => 12, supervisors => 0, workers => 12},
    ?assertEqual(Counted, on_legacy(Config, fun() -> supervisorring:count_children(?SUP) end)),
    ?assertEqual(Counted, ask(Config, Program, count_children, [?SUP])).

a_function_for_a_programs_child_is_refused(Config) ->
    [begin
         Owner = on_legacy(Config, fun() -> supervisorring:find(?SUP, Id) end),
         Answers = on_legacy(Config, fun() ->
             [supervisorring:exec(?SUP, Id, Fun) || Fun <- [fun erlang:node/0, fun() -> node() end]]
         end),
         ?assertEqual([{error, {no_beam, Owner}}, {error, {no_beam, Owner}}], Answers)
     end || Id <- one_id_of_each(Config, programs)].

a_function_for_a_legacy_members_child_runs_there(Config) ->
    [begin
         Owner = on_legacy(Config, fun() -> supervisorring:find(?SUP, Id) end),
         ?assertEqual(Owner, on_legacy(Config, fun() -> supervisorring:exec(?SUP, Id, fun erlang:node/0) end))
     end || Id <- one_id_of_each(Config, legacy)].

%% The processes of a program, as legacy members use them

a_program_passes_functions_on(Config) ->
    [Id | _] = one_id_of_each(Config, legacy),
    [#{node := Program} | _] = proplists:get_value(programs, Config),
    Owner = on_legacy(Config, fun() -> supervisorring:find(?SUP, Id) end),
    ?assertEqual(Owner, on_legacy(Config, fun() ->
        Ref = make_ref(),
        gen_server:cast({'Elixir.MixedSup.ChildManager', Program}, {onnode, Id, {self(), Ref}, fun erlang:node/0}),
        receive {Ref, executed, Result} -> Result after 30000 -> nothing end
    end)).

a_program_names_the_handler(Config) ->
    [#{node := Program} | _] = proplists:get_value(programs, Config),
    Handlers = on_legacy(Config, fun() ->
        [begin
             Ref = make_ref(),
             gen_server:cast({'Elixir.MixedSup.ChildManager', Program}, {get_handler, Id, {self(), Ref}}),
             receive {Ref, Handler} -> Handler after 30000 -> nothing end
         end || Id <- [any, unmatched]]
    end),
    ?assertEqual([{dyn_child_handler, ?SUP}, nil], Handlers).

%% What a legacy child manager calls, and goes by.
a_program_starts_what_it_is_handed(Config) ->
    [Id | _] = one_id_of_each(Config, programs),
    Hand = fun() -> rpc:call(supervisorring:find(?SUP, Id), 'Elixir.Supervisor', start_child, [?SUP, ?SUP:counter(Id)]) end,
    {ok, Pid} = on_legacy(Config, Hand),
    ?assertEqual({error, {already_started, Pid}}, on_legacy(Config, Hand)),
    ok = on_legacy(Config, fun() -> supervisorring:terminate_child(?SUP, Id) end),
    ?assertEqual({error, already_present}, on_legacy(Config, Hand)).

%% Members that go and come

a_killed_program_comes_back(Config) ->
    [#{node := N1} | _] = Legacy = proplists:get_value(legacy, Config),
    [C1, C2] = proplists:get_value(programs, Config),
    ring_cluster:kill(C2),
    await_children(Config, Legacy ++ [C1], ids(Config)),
    Before = set_counts(Config),
    Again = start("cpp2", [N1]),
    await_children(Config, Legacy ++ [C1, Again], ids(Config)),
    eventually(fun() -> counts(Config, ids(Config)) end, [{Id, Count} || {Id, _, Count} <- Before], 5000).

%% What a program has goes to the member that is back with its count; what the other legacy member has is
%% killed when that one does not run the supervisor yet.
a_killed_legacy_member_comes_back(Config) ->
    [#{node := N1} = L1, L2] = proplists:get_value(legacy, Config),
    Programs = proplists:get_value(programs, Config),
    kill_beam(L2),
    await_children(Config, [L1 | Programs], ids(Config)),
    Before = [{Id, Count} || {Id, Owner, Count} <- set_counts(Config), Owner =/= N1],
    Again = start("legacy2", [N1]),
    await_children(Config, [L1, Again | Programs], ids(Config)),
    eventually(fun() -> counts(Config, [Id || {Id, _} <- Before]) end, Before, 5000).

%% Children are added and deleted on both kinds, meanwhile one of each kind is killed and comes back.
changes_while_members_come_and_go_leave_every_child_once(Config) ->
    [#{node := N1} = L1, L2] = proplists:get_value(legacy, Config),
    [#{node := NC1} = C1, C2] = proplists:get_value(programs, Config),
    Added = [list_to_atom("added" ++ integer_to_list(N)) || N <- lists:seq(1, 40)],
    {Early, Late} = lists:split(20, Added),
    [?assertMatch({ok, _}, add(Config, NC1, Id)) || Id <- Early],
    await_children(Config, [L1, L2, C1, C2], ids(Config) ++ Early),
    ring_cluster:kill(C2),
    await_children(Config, [L1, L2, C1], ids(Config) ++ Early),
    [?assertMatch({ok, _}, add(Config, NC1, Id)) || Id <- Late],
    C2Again = start("cpp2", [N1]),
    await_children(Config, [L1, L2, C1, C2Again], ids(Config) ++ Added),
    kill_beam(L2),
    await_children(Config, [L1, C1, C2Again], ids(Config) ++ Added),
    {Deleted, Kept} = lists:split(15, Added),
    [?assertEqual({Id, ok}, {Id, forget(Config, NC1, Id)}) || Id <- Deleted],
    L2Again = start("legacy2", [N1]),
    await_children(Config, [L1, L2Again, C1, C2Again], ids(Config) ++ Kept).

%% One half of the children by the legacy member, the other by the program.
add(Config, Program, Id) ->
    Spec = on_legacy(Config, fun() -> ?SUP:counter(Id) end),
    by_turns(Config, Program, Id, start_child, [?SUP, Spec]).

forget(Config, Program, Id) ->
    ok = by_turns(Config, Program, Id, terminate_child, [?SUP, Id]),
    by_turns(Config, Program, Id, delete_child, [?SUP, Id]).

by_turns(Config, Program, Id, Function, Args) ->
    case erlang:phash2(Id, 2) of
        0 -> on_legacy(Config, fun() -> apply(supervisorring, Function, Args) end);
        1 -> ask(Config, Program, Function, Args)
    end.

%% The end of the supervisor

a_supervisor_stopped_on_a_legacy_member_ends_everywhere(Config) ->
    ok = on_legacy(Config, fun() -> gen_server:stop('Elixir.MixedSup.GlobalSup', shutdown, 5000) end),
    await_end(Config).

%% A child of the program crashes until its local supervisor has given up three times.
a_supervisor_that_fails_on_a_program_ends_everywhere(Config) ->
    [#{node := Program} | _] = proplists:get_value(programs, Config),
    [Id | _] = on_legacy(Config, fun() -> [Id || Id <- ?SUP:ids(), supervisorring:find(?SUP, Id) =:= Program] end),
    eventually(fun() -> on_legacy(Config, fun() ->
        _ = [catch gen_server:call({Id, Program}, crash) || _ <- lists:seq(1, 25)],
        rpc:call(Program, erlang, whereis, ['Elixir.MixedSup.GlobalSup'])
    end) end, undefined, 9000),
    await_end(Config).

await_end(Config) ->
    Nodes = nodes_of(members(Config)),
    eventually(fun() -> on_legacy(Config, fun() ->
        [{Node, Name} || Node <- Nodes, Name <- [?SUP, 'Elixir.MixedSup.GlobalSup', 'Elixir.MixedSup.ChildManager'],
                         rpc:call(Node, erlang, whereis, [Name]) =/= undefined]
    end) end, [], 10000),
    [?assertMatch(Pid when is_pid(Pid), on_legacy(Config, fun() -> rpc:call(Node, erlang, whereis, ['Elixir.NanoRing']) end))
     || Node <- Nodes].

%% Every member sees exactly these members up, and each child runs on its owner and nowhere else.
await_children(Config, Members, Ids) ->
    Nodes = nodes_of(Members),
    [eventually(fun() -> on_legacy(Config, fun() -> ring_view:up(Node) end) end, Nodes, ?SETTLE_MS) || Node <- Nodes],
    eventually(fun() -> on_legacy(Config, fun() -> misplaced(Nodes, Ids) end) end, [], ?SETTLE_MS).

%% {Id, Owner, Where} of each child that does not run once and on its owner.
misplaced(Nodes, Ids) ->
    Running = lists:append([[{Id, Node} || {Id, Pid, _, _} <- supervisor:which_children({?SUP, Node}), is_pid(Pid)]
                            || Node <- Nodes]),
    Expected = [{Id, ring_view:owner(hd(Nodes), ?SUP, Id)} || Id <- Ids],
    Unknown = [Child || {Id, _} = Child <- Running, not lists:member(Id, Ids)],
    Unknown ++ [{Id, Owner, Where} || {Id, Owner} <- Expected,
                                      Where <- [[Node || {Of, Node} <- Running, Of =:= Id]],
                                      Where =/= [Owner]].

%% Gives every counter another count: {Id, Owner, Count}.
set_counts(Config) ->
    on_legacy(Config, fun() ->
        [begin
             Owner = supervisorring:find(?SUP, Id),
             gen_server:cast({Id, Owner}, {set, N}),
             {Id, Owner, gen_server:call({Id, Owner}, get)}
         end || {N, Id} <- lists:zip(lists:seq(101, 112), ?SUP:ids())]
    end).

counts(Config, Ids) ->
    on_legacy(Config, fun() -> [{Id, gen_server:call({Id, supervisorring:find(?SUP, Id)}, get)} || Id <- Ids] end).

%% {Node, Pid} for each running child of that id.
where(Config, Id, Members) ->
    on_legacy(Config, fun() ->
        [{Node, Pid} || Node <- nodes_of(Members),
                        {Of, Pid, _, _} <- supervisor:which_children({?SUP, Node}), Of =:= Id, is_pid(Pid)]
    end).

%% For every member of these an id that it owns and that is no child.
one_id_of_each(Config) ->
    one_id_of_each(Config, legacy) ++ one_id_of_each(Config, programs).

one_id_of_each(Config, Kind) ->
    Nodes = nodes_of(proplists:get_value(Kind, Config)),
    on_legacy(Config, fun() ->
        [hd([Id || N <- lists:seq(1, 100), Id <- [list_to_atom("x" ++ integer_to_list(N))],
                   supervisorring:find(?SUP, Id) =:= Node])
         || Node <- Nodes]
    end).

kill_beam(Beam) ->
    catch in(Beam, fun() -> os:cmd("kill -KILL " ++ os:getpid()) end).

ids(Config) ->
    on_legacy(Config, fun() -> ?SUP:ids() end).

on_legacy(Config, Fun) ->
    in(hd(proplists:get_value(legacy, Config)), Fun).

ask(Config, Program, Function, Args) ->
    on_legacy(Config, fun() -> erpc:call(Program, supervisorring, Function, Args, 15000) end).

members(Config) ->
    proplists:get_value(legacy, Config) ++ proplists:get_value(programs, Config).

nodes_of(Members) ->
    lists:sort([Node || #{node := Node} <- Members]).
