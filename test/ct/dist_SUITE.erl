%% A C++ node as a BEAM sees it: connections, calls, rpc, links and monitors.
-module(dist_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2]).
-export([a_beam_pings_the_program/1, the_program_connects_on_its_own/1,
         a_call_to_a_missing_name_exits_noproc_at_once/1,
         rpc_reaches_the_table_of_functions/1, anything_else_is_undef/1,
         rex_answers_both_forms/1, multicall_has_an_answer_from_the_program/1,
         an_rpc_cast_is_not_answered/1, is_hidden_by_default/1]).
-export([a_monitor_by_pid_fires/1, a_monitor_by_name_fires/1,
         a_monitor_of_a_missing_name_is_noproc/1, a_killed_child_takes_its_links_along/1,
         a_linked_process_takes_the_child_along/1, an_unlinked_process_lives_on/1,
         a_lost_node_is_noconnection/1]).
-export([a_wrong_cookie_is_refused/1, a_taken_name_ends_the_second_program/1,
         a_restarted_epmd_knows_the_name_again/1, a_stalled_handshake_holds_nobody_up/1,
         noise_on_the_port_harms_nobody/1]).

-import(ring_cluster, [in/2, eventually/2, eventually/3]).

-define(SUP, "'Elixir.MySup'=my_sup@").
%% The exit status of a program whose name epmd already knows.
-define(NAME_TAKEN, 2).
%% Below the 5 s of gen_server:call/2, far above a round trip on a slow machine.
-define(AT_ONCE_MS, 4000).

all() ->
    [{group, calls}, {group, signals}, {group, faults}].

groups() ->
    [{calls, [], [a_beam_pings_the_program, the_program_connects_on_its_own,
                  a_call_to_a_missing_name_exits_noproc_at_once,
                  rpc_reaches_the_table_of_functions, anything_else_is_undef,
                  rex_answers_both_forms, multicall_has_an_answer_from_the_program,
                  an_rpc_cast_is_not_answered, is_hidden_by_default]},
     {signals, [], [a_monitor_by_pid_fires, a_monitor_by_name_fires,
                    a_monitor_of_a_missing_name_is_noproc, a_killed_child_takes_its_links_along,
                    a_linked_process_takes_the_child_along, an_unlinked_process_lives_on,
                    a_lost_node_is_noconnection]},
     {faults, [], [a_wrong_cookie_is_refused, a_taken_name_ends_the_second_program,
                   a_restarted_epmd_knows_the_name_again, a_stalled_handshake_holds_nobody_up,
                   noise_on_the_port_harms_nobody]}].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    #{node := DevNode} = Dev = ring_cluster:start_beam("dev"),
    #{node := Node} = ring_cluster:start_ringnode("cpp1", ["--supervisor",
                                                           ?SUP ++ atom_to_list(DevNode)]),
    [{dev, Dev}, {node, Node} | Config].

end_per_suite(_Config) ->
    ring_cluster:stop().

%% The counters of the supervisor run on cpp1, the only member.
init_per_testcase(_Case, Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        eventually(fun() -> [gen_server:call({Id, Node}, get) || Id <- my_sup:ids()], ok end,
                   ok, 15000)
    end),
    Config.

%% Calls

a_beam_pings_the_program(Config) ->
    Node = proplists:get_value(node, Config),
    ?assertEqual(pong, on_dev(Config, fun() -> net_adm:ping(Node) end)).

%% It asks a node that never spoke to it for its ring, to join it.
the_program_connects_on_its_own(_Config) ->
    #{node := DevNode} = Dev = ring_cluster:start_beam("dev2"),
    Self = self(),
    spawn_link(fun() -> Self ! {asked, in(Dev, fun asked_as_nano_ring/0)} end),
    eventually(fun() -> in(Dev, fun() -> whereis('Elixir.NanoRing') =/= undefined end) end, 5000),
    #{node := Node} = Program =
        ring_cluster:start_ringnode("joiner", ["--join", atom_to_list(DevNode)]),
    ?assertEqual(Node, receive {asked, Who} -> Who after 30000 -> nothing end),
    ?assert(in(Dev, fun() -> lists:member(Node, nodes(connected)) end)),
    ring_cluster:kill(Program),
    ring_cluster:stop_beam(Dev).

asked_as_nano_ring() ->
    register('Elixir.NanoRing', self()),
    receive {'$gen_call', {Pid, _Tag}, _Request} -> node(Pid) after 30000 -> nobody end.

a_call_to_a_missing_name_exits_noproc_at_once(Config) ->
    Node = proplists:get_value(node, Config),
    {Micros, Exit} = on_dev(Config, fun() ->
        timer:tc(fun() -> catch gen_server:call({missing, Node}, hello) end)
    end),
    ?assertMatch({'EXIT', {noproc, {gen_server, call, _}}}, Exit),
    ?assert(Micros < ?AT_ONCE_MS * 1000).

rpc_reaches_the_table_of_functions(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        ?assertEqual(Node, rpc:call(Node, erlang, node, [])),
        ?assertEqual(Node, erpc:call(Node, erlang, node, [])),
        ?assertEqual(Node, erpc:call(Node, erlang, node, [], 5000))
    end).

anything_else_is_undef(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        ?assertMatch({badrpc, {'EXIT', {undef, _}}}, rpc:call(Node, no_module, no_function, [1])),
        ?assertMatch({badrpc, {'EXIT', {undef, _}}}, rpc:call(Node, erlang, node, [wrong, arity])),
        ?assertError({exception, undef, _}, erpc:call(Node, no_module, no_function, [])),
        ?assertMatch({badrpc, {'EXIT', {undef, _}}},
                     gen_server:call({rex, Node}, {call, no_module, f, [], group_leader()}))
    end).

%% OTP 23 and 24 may call rex; stock ei clients send it a plain tuple.
rex_answers_both_forms(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        ?assertEqual(Node, gen_server:call({rex, Node}, {call, erlang, node, [], group_leader()})),
        {rex, Node} ! {self(), {call, erlang, node, [], user}},
        ?assertEqual({rex, Node}, receive {rex, _} = Answer -> Answer after 30000 -> nothing end)
    end).

multicall_has_an_answer_from_the_program(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        ?assertEqual({[node(), Node], []}, rpc:multicall([node(), Node], erlang, node, [], 5000))
    end).

an_rpc_cast_is_not_answered(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        true = rpc:cast(Node, erlang, node, []),
        true = rpc:cast(Node, no_module, no_function, []),
        ?assertEqual(pong, net_adm:ping(Node)),
        ?assertEqual(nothing, receive Message -> Message after 0 -> nothing end)
    end).

is_hidden_by_default(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        pong = net_adm:ping(Node),
        ?assertNot(lists:member(Node, nodes())),
        ?assert(lists:member(Node, nodes(hidden)))
    end).

%% Links and monitors of native children

a_monitor_by_pid_fires(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        Pid = child(Node, c1),
        Ref = monitor(process, Pid),
        exit(Pid, kill),
        ?assertEqual({process, Pid, killed}, down(Ref)),
        eventually(fun() -> is_pid(child(Node, c1)) andalso child(Node, c1) =/= Pid end, 5000)
    end).

a_monitor_by_name_fires(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        Ref = monitor(process, {c2, Node}),
        exit(child(Node, c2), kill),
        ?assertEqual({process, {c2, Node}, killed}, down(Ref))
    end).

a_monitor_of_a_missing_name_is_noproc(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        ?assertEqual({process, {missing, Node}, noproc}, down(monitor(process, {missing, Node})))
    end).

a_killed_child_takes_its_links_along(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        process_flag(trap_exit, true),
        Pid = child(Node, c3),
        true = link(Pid),
        exit(Pid, kill),
        ?assertEqual({'EXIT', Pid, killed},
                     receive {'EXIT', Pid, _} = Exit -> Exit after 30000 -> nothing end)
    end).

a_linked_process_takes_the_child_along(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        Pid = child(Node, c4),
        Ref = monitor(process, Pid),
        spawn(fun() -> link(Pid), gen_server:call(Pid, get), exit(boom) end),
        ?assertEqual({process, Pid, boom}, down(Ref))
    end).

an_unlinked_process_lives_on(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        process_flag(trap_exit, true),
        Pid = child(Node, c5),
        true = link(Pid),
        gen_server:call(Pid, get),
        true = unlink(Pid),
        Ref = monitor(process, Pid),
        exit(Pid, kill),
        ?assertEqual({process, Pid, killed}, down(Ref)),
        ?assertEqual(nothing, receive {'EXIT', Pid, _} = Exit -> Exit after 200 -> nothing end)
    end).

a_lost_node_is_noconnection(Config) ->
    #{node := DevNode} = proplists:get_value(dev, Config),
    #{node := Node, os_pid := OsPid} =
        ring_cluster:start_ringnode("mortal", ["--supervisor", ?SUP ++ atom_to_list(DevNode)]),
    on_dev(Config, fun() ->
        process_flag(trap_exit, true),
        eventually(fun() -> is_pid(child(Node, c1)) end, 15000),
        Pid = child(Node, c1),
        Refs = [monitor(process, Pid), monitor(process, {c2, Node})],
        true = link(Pid),
        gen_server:call(Pid, get),
        os:cmd("kill -KILL " ++ integer_to_list(OsPid)),
        ?assertEqual([{process, Pid, noconnection}, {process, {c2, Node}, noconnection}],
                     [down(Ref) || Ref <- Refs]),
        ?assertEqual(noconnection, receive {'EXIT', Pid, Reason} -> Reason after 30000 -> nothing end)
    end).

%% Faults

a_wrong_cookie_is_refused(Config) ->
    Node = proplists:get_value(node, Config),
    Stranger = ring_cluster:start_beam("stranger", ["-setcookie", "wrong"]),
    ?assertEqual(pang, in(Stranger, fun() -> net_adm:ping(Node) end)),
    ring_cluster:stop_beam(Stranger),
    ?assertEqual(pong, on_dev(Config, fun() -> net_adm:ping(Node) end)).

a_taken_name_ends_the_second_program(Config) ->
    Node = proplists:get_value(node, Config),
    Own = atom_to_list(ring_cluster:node_name("second")),
    Args = [case Arg of
                Own -> atom_to_list(Node);
                _ -> Arg
            end || Arg <- ring_cluster:run_args("second")],
    Second = ring_cluster:run_ringnode("second", Args),
    ?assertEqual(?NAME_TAKEN, ring_cluster:await_exit(Second, 15000)),
    ?assertMatch({match, _}, re:run(ring_cluster:log(Second), atom_to_list(Node))),
    ?assertEqual(pong, on_dev(Config, fun() -> net_adm:ping(Node) end)).

a_restarted_epmd_knows_the_name_again(Config) ->
    Node = proplists:get_value(node, Config),
    ok = ring_cluster:stop_epmd(),
    ok = ring_cluster:start_epmd(),
    eventually(fun() -> lists:member("cpp1", ring_cluster:epmd_names()) end, 30000),
    Late = ring_cluster:start_beam("late"),
    ?assertEqual(pong, in(Late, fun() -> net_adm:ping(Node) end)),
    ring_cluster:stop_beam(Late).

%% One peer says nothing, one says half a name; a third is served meanwhile.
a_stalled_handshake_holds_nobody_up(Config) ->
    Node = proplists:get_value(node, Config),
    Silent = connect_to("cpp1"),
    Half = connect_to("cpp1"),
    ok = gen_tcp:send(Half, <<0, 40, $N, 0, 0>>),
    Late = ring_cluster:start_beam("later"),
    {Micros, Answer} = in(Late, fun() -> timer:tc(fun() -> net_adm:ping(Node) end) end),
    ?assertEqual(pong, Answer),
    ?assert(Micros < ?AT_ONCE_MS * 1000),
    %% Such peers are not kept for ever.
    ?assertEqual([{error, closed}, {error, closed}],
                 [gen_tcp:recv(Socket, 0, 15000) || Socket <- [Silent, Half]]),
    ring_cluster:stop_beam(Late).

noise_on_the_port_harms_nobody(Config) ->
    Node = proplists:get_value(node, Config),
    Noise = connect_to("cpp1"),
    ok = gen_tcp:send(Noise, binary:copy(<<255>>, 70000)),
    ?assertMatch({error, _}, gen_tcp:recv(Noise, 0, 15000)),
    ?assertEqual(pong, on_dev(Config, fun() -> net_adm:ping(Node) end)).

%% A TCP connection to the port that epmd knows for the name.
connect_to(Name) ->
    {ok, Epmd} = gen_tcp:connect("127.0.0.1", ring_cluster:epmd_port(), [binary, {active, false}]),
    ok = gen_tcp:send(Epmd, [<<(length(Name) + 1):16, $z>>, Name]),
    {ok, <<$w, 0, Port:16, _/binary>>} = gen_tcp:recv(Epmd, 0, 5000),
    {ok, Socket} = gen_tcp:connect("127.0.0.1", Port, [binary, {active, false}]),
    Socket.

on_dev(Config, Fun) ->
    in(proplists:get_value(dev, Config), Fun).

child(Node, Id) ->
    erpc:call(Node, supervisorring, whereis, [my_sup:name(), Id]).

down(Ref) ->
    receive {'DOWN', Ref, Type, Object, Reason} -> {Type, Object, Reason} after 30000 -> nothing end.
