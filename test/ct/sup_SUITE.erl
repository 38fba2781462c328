%% A supervisor that is read from a BEAM, its 12 counters spread over C++ nodes.
-module(sup_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([every_counter_runs_on_its_owner/1, a_child_that_crashes_starts_again/1,
         a_started_child_is_remembered_by_the_handler/1, a_child_without_handler_is_refused/1,
         terminate_restart_and_delete_answer_as_otp/1, children_are_listed_and_counted/1,
         the_local_supervisor_answers_as_otp/1, malformed_specs_answer_otps_terms/1,
         one_of_a_thousand_starts_the_child/1]).
-export([children_of_a_killed_node_run_elsewhere/1, children_come_home_with_their_state/1,
         a_join_at_the_start_loses_no_count/1,
         a_graceful_leave_loses_nothing/1, a_late_supervisor_source_is_waited_for/1]).
-export([a_node_without_the_factory_is_refused_at_join/1,
         a_child_that_nothing_can_start_is_named/1, duplicate_ids_are_named/1,
         a_supervisor_that_failed_is_started_again/1, one_that_goes_on_failing_ends_the_programs/1]).

-import(ring_cluster, [in/2, eventually/2, eventually/3]).

-define(SUP, 'Elixir.MySup').
%% The exit status of a program that may not join.
-define(JOIN_REFUSED, 6).

all() ->
    [every_counter_runs_on_its_owner, a_child_that_crashes_starts_again,
     a_started_child_is_remembered_by_the_handler, a_child_without_handler_is_refused,
     terminate_restart_and_delete_answer_as_otp, children_are_listed_and_counted,
     the_local_supervisor_answers_as_otp, malformed_specs_answer_otps_terms,
     one_of_a_thousand_starts_the_child,
     children_of_a_killed_node_run_elsewhere, children_come_home_with_their_state,
     a_join_at_the_start_loses_no_count, a_graceful_leave_loses_nothing, a_late_supervisor_source_is_waited_for,
     a_node_without_the_factory_is_refused_at_join, a_child_that_nothing_can_start_is_named,
     duplicate_ids_are_named, a_supervisor_that_failed_is_started_again,
     one_that_goes_on_failing_ends_the_programs].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    Config.

end_per_suite(_Config) ->
    ring_cluster:stop().

%% Every case has a source of its own and, but for the last ones, three nodes with all counters
%% running. The names are the same in every case, so that it is known who owns what: each node
%% owns some of the counters.
init_per_testcase(Case, Config0) ->
    Config = [{mark, ring_cluster:mark()} | Config0],
    [file:del_dir_r(ring_cluster:data_dir(Name)) || Name <- ["cpp1", "cpp2", "cpp3"]],
    case lists:member(Case, [a_late_supervisor_source_is_waited_for,
                             a_child_that_nothing_can_start_is_named,
                             duplicate_ids_are_named]) of
        true -> Config;
        false -> three_nodes(Case, [{dev, ring_cluster:start_beam("dev")} | Config])
    end.

end_per_testcase(_Case, Config) ->
    ring_cluster:stop_since(proplists:get_value(mark, Config)).

three_nodes(Case, Config) ->
    Args = lists:append([["--top-intensity", "1/60"] || Case =:= one_that_goes_on_failing_ends_the_programs]),
    C1 = program("cpp1", Args, Config),
    Join = ["--join", atom_to_list(maps:get(node, C1)) | Args],
    Programs = [C1, program("cpp2", Join, Config), program("cpp3", Join, Config)],
    Config1 = [{programs, Programs} | Config],
    await_counters(Config1, Programs),
    Config1.

program(Name, Args, Config) ->
    #{node := Dev} = proplists:get_value(dev, Config),
    ring_cluster:start_ringnode(Name, ["--supervisor",
                                       "'Elixir.MySup'=my_sup@" ++ atom_to_list(Dev) | Args]).

%% All of these are up, and each counter answers on its owner.
await_counters(Config, Programs) ->
    Nodes = lists:sort([Node || #{node := Node} <- Programs]),
    [eventually(fun() -> on_dev(Config, fun() -> ring_view:up(Node) end) end, Nodes, 20000)
     || Node <- Nodes],
    eventually(fun() -> lists:usort([Owner || {_, Owner, _} <- counts(Config, hd(Nodes))]) -- Nodes end,
               [], 20000).

%% {Id, Owner, Count} of every counter, as one call to each owner says.
counts(Config, Asked) ->
    on_dev(Config, fun() ->
        [begin
             Owner = ring_view:owner(Asked, ?SUP, Id),
             {Id, Owner, gen_server:call({Id, Owner}, get)}
         end || Id <- my_sup:ids()]
    end).

%% Increments counter number N so often that its count is N more than before, and answers the counts.
raise_counts(Config, Asked) ->
    Before = counts(Config, Asked),
    on_dev(Config, fun() ->
        [gen_server:call({Id, Owner}, increment)
         || {N, {Id, Owner, _}} <- lists:zip(lists:seq(1, length(Before)), Before),
            _ <- lists:seq(1, N)]
    end),
    counts(Config, Asked).

%% The end of the supervisor

%% Ended by its intensity on one node, it ends on all of them, and each starts it again.
a_supervisor_that_failed_is_started_again(Config) ->
    Programs = proplists:get_value(programs, Config),
    crash_until(Config, fun() -> length([said || Program <- Programs, has_said(Program, "starting it again")]) =:= 3 end),
    await_counters(Config, Programs),
    [?assertEqual(running, ring_cluster:exit_status(Program)) || Program <- Programs].

one_that_goes_on_failing_ends_the_programs(Config) ->
    Programs = proplists:get_value(programs, Config),
    crash_until(Config, fun() -> [] =:= [Program || Program <- Programs, ring_cluster:exit_status(Program) =:= running] end),
    [begin
         ?assertEqual(11, ring_cluster:await_exit(Program, 1000)),
         ?assert(has_said(Program, "giving up"))
     end || Program <- Programs].

has_said(Program, Text) ->
    is_list(string:find(binary_to_list(ring_cluster:log(Program)), Text)).

%% Crashes c1, wherever it runs.
crash_until(Config, Condition) ->
    Nodes = nodes_of(Config),
    Crash = fun() -> on_dev(Config, fun() -> [catch gen_server:call({c1, Node}, crash) || Node <- Nodes] end) end,
    eventually(fun() -> Crash(), Condition() end, 30000).

%% The API

every_counter_runs_on_its_owner(Config) ->
    [N1, N2, N3] = Nodes = nodes_of(Config),
    on_dev(Config, fun() ->
        Owners = [ring_view:owners(Node, ?SUP, my_sup:ids()) || Node <- Nodes],
        ?assertEqual([hd(Owners)], lists:usort(Owners)),
        ?assertEqual(hd(Owners), [ask(N2, find, [?SUP, Id]) || Id <- my_sup:ids()]),
        [begin
             ?assertEqual(1, gen_server:call({Id, Owner}, increment)),
             ?assertEqual(2, gen_server:call({Id, Owner}, increment)),
             Pid = ask(N3, whereis, [?SUP, Id]),
             ?assertEqual(Owner, node(Pid)),
             ?assertEqual(2, gen_server:call(Pid, get)),
             [?assertExit({noproc, _}, gen_server:call({Id, Node}, get)) || Node <- Nodes -- [Owner]]
         end || {Id, Owner} <- lists:zip(my_sup:ids(), hd(Owners))],
        ?assertEqual(undefined, ask(N1, whereis, [?SUP, no_such_child])),
        ?assertMatch({'EXIT', _}, catch ask(N1, find, ['Elixir.NoSuchSup', c1]))
    end).

a_child_that_crashes_starts_again(Config) ->
    [N1 | _] = nodes_of(Config),
    on_dev(Config, fun() ->
        Server = {c1, ring_view:owner(N1, ?SUP, c1)},
        [begin
             ?assertEqual(1, gen_server:call(Server, increment)),
             Ref = monitor(process, Server),
             catch gen_server:call(Server, HowItEnds),
             ?assertMatch({'DOWN', Ref, process, Server, _}, receive {'DOWN', Ref, _, _, _} = Down -> Down
                                                             after 30000 -> nothing end),
             eventually(fun() -> gen_server:call(Server, get) end, 0, 5000)
         end || HowItEnds <- [crash, {stop, because}, {stop, normal}]]
    end).

a_started_child_is_remembered_by_the_handler(Config) ->
    [N1, N2 | _] = nodes_of(Config),
    Spec = my_sup:counter(extra),
    on_dev(Config, fun() ->
        {ok, Pid} = ask(N1, start_child, [?SUP, Spec]),
        ?assertEqual(ask(N2, find, [?SUP, extra]), node(Pid)),
        ?assertEqual(1, gen_server:call(Pid, increment)),
        ?assertEqual([Spec], my_sup:get_all()),
        ?assertEqual({error, {already_started, Pid}}, ask(N2, start_child, [?SUP, Spec])),
        ok = ask(N2, terminate_child, [?SUP, extra]),
        ?assertEqual([Spec], my_sup:get_all()),
        ok = ask(N2, delete_child, [?SUP, extra]),
        ?assertEqual([], my_sup:get_all())
    end).

a_child_without_handler_is_refused(Config) ->
    [N1 | _] = nodes_of(Config),
    on_dev(Config, fun() ->
        ?assertEqual({error, {cannot_match_handler, unmatched}},
                     ask(N1, start_child, [?SUP, my_sup:counter(unmatched)])),
        ?assertEqual([], my_sup:get_all())
    end).

terminate_restart_and_delete_answer_as_otp(Config) ->
    [N1 | _] = nodes_of(Config),
    on_dev(Config, fun() ->
        Before = ask(N1, whereis, [?SUP, c1]),
        ?assertEqual({error, running}, ask(N1, delete_child, [?SUP, c1])),
        ?assertEqual({error, running}, ask(N1, restart_child, [?SUP, c1])),
        Ref = monitor(process, Before),
        _ = gen_server:call(Before, get),  % the monitor is there: the request below goes another way
        ?assertEqual(ok, ask(N1, terminate_child, [?SUP, c1])),
        ?assertEqual(shutdown, receive {'DOWN', Ref, _, _, Reason} -> Reason after 30000 -> nothing end),
        ?assertEqual(undefined, ask(N1, whereis, [?SUP, c1])),
        ?assertEqual(ok, ask(N1, terminate_child, [?SUP, c1])),
        {ok, After} = ask(N1, restart_child, [?SUP, c1]),
        ?assertNotEqual(Before, After),
        ?assertEqual(After, ask(N1, whereis, [?SUP, c1])),
        [?assertEqual({error, not_found}, ask(N1, Change, [?SUP, no_such_child]))
         || Change <- [terminate_child, restart_child, delete_child]]
    end).

children_are_listed_and_counted(Config) ->
    [N1, N2, _] = Nodes = nodes_of(Config),
    on_dev(Config, fun() ->
        ?assertEqual(#{specs => 12, active => 12, supervisors => 0, workers => 12},
                     ask(N1, count_children, [?SUP])),
        Children = ask(N2, which_children, [?SUP]),
        ?assertEqual(lists:sort(my_sup:ids()), lists:sort([Id || {Id, _, _, _} <- Children])),
        [begin
             ?assertEqual({worker, ['Elixir.Counter']}, {Type, Modules}),
             ?assertEqual(ask(N1, find, [?SUP, Id]), node(Pid))
         end || {Id, Pid, Type, Modules} <- Children],
        ?assertEqual(Nodes, lists:usort([node(Pid) || {_, Pid, _, _} <- Children]))
    end).

%% <Sup> itself is an OTP supervisor to those who call it.
the_local_supervisor_answers_as_otp(Config) ->
    [N1 | _] = Nodes = nodes_of(Config),
    on_dev(Config, fun() ->
        Counts = [supervisor:count_children({?SUP, Node}) || Node <- Nodes],
        ?assertEqual(12, lists:sum([proplists:get_value(active, Count) || Count <- Counts])),
        Listed = lists:append([supervisor:which_children({?SUP, Node}) || Node <- Nodes]),
        ?assertEqual(lists:sort(ask(N1, which_children, [?SUP])), lists:sort(Listed)),
        Owner = ring_view:owner(N1, ?SUP, c1),
        {ok, Spec} = supervisor:get_childspec({?SUP, Owner}, c1),
        ?assertMatch(#{id := c1, restart := permanent, shutdown := 2000, type := worker}, Spec)
    end).

%% OTP itself, on the BEAM, says what the answer has to be.
malformed_specs_answer_otps_terms(Config) ->
    [N1 | _] = nodes_of(Config),
    {Id, Start, _, _, _, _} = my_sup:counter(bad),
    Specs = [{Id, Start, sometimes, 2000, worker, []},
             {Id, Start, permanent, -1, worker, []},
             {Id, Start, permanent, 2000, boss, []},
             {Id, Start, permanent, 2000, worker, not_a_list},
             {Id, {gen_server, start_link}, permanent, 2000, worker, []},
             {Id, {gen_server, "start_link", []}, permanent, 2000, worker, []},
             {Id, not_an_mfa, permanent, 2000, worker, []},
             not_a_spec,
             #{id => Id},
             #{start => Start},
             #{id => Id, start => Start, restart => sometimes}],
    on_dev(Config, fun() ->
        [begin
             {error, _} = Expected = supervisor:check_childspecs([Spec]),
             ?assertEqual({Spec, Expected}, {Spec, ask(N1, start_child, [?SUP, Spec])})
         end || Spec <- Specs]
    end).

%% Clients on four BEAMs ask all members at once to start the same id, one after the other for ids of each owner.
one_of_a_thousand_starts_the_child(Config) ->
    Nodes = nodes_of(Config),
    Clients = [ring_cluster:start_beam("client" ++ integer_to_list(N)) || N <- lists:seq(1, 4)],
    [in(Client, fun() -> [pong = net_adm:ping(Node) || Node <- Nodes] end) || Client <- Clients],
    [begin
         Spec = my_sup:counter(Id),
         At = erlang:system_time(millisecond) + 1000,
         {Micros, Answers} = timer:tc(fun() -> at_once([fun() -> in(Client, fun() -> ask_250(Nodes, Spec, At) end) end || Client <- Clients]) end),
         [{ok, Pid}] = [Answer || {ok, _} = Answer <- Answers],
         ?assertEqual([{error, {already_started, Pid}}], lists:usort(Answers -- [{ok, Pid}])),
         ?assertEqual(1000, length(Answers)),
         ?assertEqual(Owner, node(Pid)),
         ct:log("~p on ~p: 1000 answers ~p ms after the start", [Id, Owner, Micros div 1000 - 1000]),
         on_dev(Config, fun() ->
             ?assertEqual([Pid], [P || {I, P, _, _} <- ask(hd(Nodes), which_children, [?SUP]), I =:= Id]),
             ?assertEqual([Spec], [S || S <- my_sup:get_all(), element(1, S) =:= Id])
         end)
     end || {Id, Owner} <- one_id_of_each(Config, Nodes)],
    [ring_cluster:stop_beam(Client) || Client <- Clients].

one_id_of_each(Config, Nodes) ->
    Ids = [list_to_atom("contended" ++ integer_to_list(N)) || N <- lists:seq(1, 100)],
    Owners = on_dev(Config, fun() -> lists:zip(Ids, ring_view:owners(hd(Nodes), ?SUP, Ids)) end),
    [{_, _} = lists:keyfind(Node, 2, Owners) || Node <- Nodes].

%% 250 processes ask at that time, the members in turn.
ask_250(Nodes, Spec, At) ->
    at_once([fun() ->
                 timer:sleep(max(0, At - erlang:system_time(millisecond))),
                 [ask(lists:nth(N rem length(Nodes) + 1, Nodes), start_child, [?SUP, Spec])]
             end || N <- lists:seq(1, 250)]).

%% The lists that all of these answer, each in a process of its own, in one list.
at_once(Funs) ->
    Running = [spawn_monitor(fun() -> exit({answer, Fun()}) end) || Fun <- Funs],
    lists:append([receive {'DOWN', Ref, process, Pid, {answer, Answer}} -> Answer;
                          {'DOWN', Ref, process, Pid, Other} -> error(Other)
                  after 60000 -> error(no_answer) end || {Pid, Ref} <- Running]).

%% Nodes that go and come

children_of_a_killed_node_run_elsewhere(Config) ->
    [C1, C2, C3] = programs(Config),
    #{node := Lost} = C2,
    Before = raise_counts(Config, maps:get(node, C1)),
    ring_cluster:kill(C2),
    await_counters(Config, [C1, C3]),
    After = counts(Config, maps:get(node, C1)),
    ?assertEqual([case Owner of
                      Lost -> {Id, 0};
                      _ -> {Id, Count}
                  end || {Id, Owner, Count} <- Before],
                 [{Id, Count} || {Id, _, Count} <- After]).

children_come_home_with_their_state(Config) ->
    [C1, C2, C3] = programs(Config),
    #{node := N1} = C1,
    ring_cluster:kill(C2),
    await_counters(Config, [C1, C3]),
    Before = raise_counts(Config, N1),
    Again = program("cpp2", ["--join", atom_to_list(N1)], Config),
    await_counters(Config, [C1, Again, C3]),
    After = counts(Config, N1),
    ?assertEqual([{Id, Count} || {Id, _, Count} <- Before], [{Id, Count} || {Id, _, Count} <- After]),
    ?assert(lists:any(fun({_, Owner, _}) -> Owner =:= maps:get(node, Again) end, After)).

%% A member joins while the first one has only just read the supervisor: whoever starts a counter
%% first, what it answered is not forgotten when it moves.
%% cpp1 answers an increment of every counter as soon as it can, cpp2 joins meanwhile.
a_join_at_the_start_loses_no_count(Config) ->
    [stop_and_forget(Program) || Program <- programs(Config)],
    C1 = program("cpp1", [], Config),
    #{node := N1} = C1,
    Self = self(),
    spawn_link(fun() ->
        Self ! {second, program("cpp2", ["--join", atom_to_list(N1)], Config)},
        receive stop -> ok end
    end),
    Answered = on_dev(Config, fun() -> [{Id, first_increment(N1, Id)} || Id <- my_sup:ids()] end),
    C2 = receive {second, Program} -> Program after 20000 -> error(no_second_program) end,
    await_counters(Config, [C1, C2]),
    ?assertEqual(Answered, [{Id, Count} || {Id, _, Count} <- counts(Config, N1)]).

stop_and_forget(#{name := Name} = Program) ->
    ring_cluster:kill(Program),
    file:del_dir_r(ring_cluster:data_dir(Name)).

%% Of the counter, wherever it runs.
first_increment(Node, Id) ->
    eventually(fun() -> is_pid(ask(Node, whereis, [?SUP, Id])) end, 20000),
    try gen_server:call(ask(Node, whereis, [?SUP, Id]), increment)
    catch exit:_ -> first_increment(Node, Id)
    end.

a_graceful_leave_loses_nothing(Config) ->
    [C1, C2, C3] = programs(Config),
    #{node := N1} = C1,
    Before = raise_counts(Config, N1),
    ring_cluster:signal(C3, "TERM"),
    ?assertEqual(0, ring_cluster:await_exit(C3, 20000)),
    await_counters(Config, [C1, C2]),
    ?assertEqual([{Id, Count} || {Id, _, Count} <- Before],
                 [{Id, Count} || {Id, _, Count} <- counts(Config, N1)]).

%% The program starts before the BEAM that its supervisor is read from.
a_late_supervisor_source_is_waited_for(Config) ->
    Program = program("cpp1", [], [{dev, #{node => ring_cluster:node_name("dev")}} | Config]),
    await_counters([{dev, ring_cluster:start_beam("dev")} | Config], [Program]).

%% Refusals

a_node_without_the_factory_is_refused_at_join(Config) ->
    [#{node := N1} | _] = programs(Config),
    #{node := Dev} = proplists:get_value(dev, Config),
    Program = ring_cluster:run_ringnode(
                "unable", without_workers(ring_cluster:run_args("unable"))
                ++ ["--join", atom_to_list(N1),
                    "--supervisor", "'Elixir.MySup'=my_sup@" ++ atom_to_list(Dev)]),
    ?assertEqual(?JOIN_REFUSED, ring_cluster:await_exit(Program, 20000)),
    Log = ring_cluster:log(Program),
    [?assertMatch({match, _}, re:run(Log, Name)) || Name <- ["MySup", "Elixir.Counter"]],
    await_counters(Config, programs(Config)).

without_workers(["--workers", _ | Rest]) -> Rest;
without_workers([Other | Rest]) -> [Other | without_workers(Rest)].

a_child_that_nothing_can_start_is_named(_Config) ->
    logs("=unknown_class", "NobodyHasThis").

duplicate_ids_are_named(_Config) ->
    Spec = "{twice,{gen_server,start_link,[{local,twice},'Elixir.Counter',[],[]]},"
        "permanent,2000,worker,['Elixir.Counter']}",
    logs("={specs,[" ++ Spec ++ "," ++ Spec ++ "]}", "duplicate_child_name").

%% The program says Why when its supervisor is my_sup with this argument.
logs(Argument, Why) ->
    #{node := Dev} = ring_cluster:start_beam("dev"),
    Program = ring_cluster:start_ringnode(
                "cpp1", ["--supervisor", "'Elixir.Odd'=my_sup@" ++ atom_to_list(Dev) ++ Argument]),
    eventually(fun() -> is_list(string:find(binary_to_list(ring_cluster:log(Program)), Why)) end, 10000).

on_dev(Config, Fun) ->
    in(proplists:get_value(dev, Config), Fun).

programs(Config) ->
    proplists:get_value(programs, Config).

nodes_of(Config) ->
    lists:sort([Node || #{node := Node} <- programs(Config)]).

ask(Node, Function, Args) ->
    erpc:call(Node, supervisorring, Function, Args, 15000).
