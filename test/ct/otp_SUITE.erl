%% OTP's own functions against a program: spawn, rpc, erpc, sys, gen_server, proc_lib, supervisor; what
%% terms survive the way there and back; what happens when the connection does not.
-module(otp_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2]).
-export([spawned_functions_run_or_end_with_undef/1, erpc_in_all_its_forms/1, rpc_in_all_its_forms/1,
         gen_server_requests_in_all_their_forms/1, sys_asks_a_child/1, gen_server_stop_stops_a_child/1,
         sys_asks_the_processes_of_the_program/1, a_supervisor_process_answers_supervisor/1]).
-export([every_exit_reason_arrives_as_it_is/1, an_exit_normal_does_nothing/1,
         a_cpp_exception_is_the_reason_of_all_who_look/1, a_cut_connection_is_noconnection_and_heals/1,
         both_connect_at_once_many_times/1, a_frozen_program_is_dropped_in_time/1,
         a_frozen_beam_is_dropped_in_time/1, a_program_that_was_held_up_keeps_its_connections/1,
         a_short_tick_time_keeps_an_idle_connection/1]).
-export([large_messages_both_ways/1, any_term_comes_back_as_it_went/1, chosen_terms_come_back_as_they_went/1]).

-import(ring_cluster, [in/2, eventually/2]).

-import(proper_types, [atom/0, binary/0, bitstring/0, byte/0, exactly/1, float/0, frequency/1,
                       integer/0, list/1, oneof/1, range/2]).

%% As proper.hrl defines them, which is not where rebar3 looks for headers.
-define(FORALL(X, Type, Holds), proper:forall(Type, fun(X) -> Holds end)).
-define(LET(X, Type, Gen), proper_types:bind(Type, fun(X) -> Gen end, false)).
-define(SIZED(Size, Gen), proper_types:sized(fun(Size) -> Gen end)).

-define(SUP, "'Elixir.MySup'=my_sup@").
-define(AT_ONCE_MS, 4000).

all() ->
    [spawned_functions_run_or_end_with_undef, erpc_in_all_its_forms, rpc_in_all_its_forms,
     gen_server_requests_in_all_their_forms, sys_asks_a_child, gen_server_stop_stops_a_child,
     sys_asks_the_processes_of_the_program, a_supervisor_process_answers_supervisor,
     every_exit_reason_arrives_as_it_is, an_exit_normal_does_nothing,
     a_cpp_exception_is_the_reason_of_all_who_look, a_cut_connection_is_noconnection_and_heals,
     both_connect_at_once_many_times, a_frozen_program_is_dropped_in_time,
     a_frozen_beam_is_dropped_in_time, a_program_that_was_held_up_keeps_its_connections, a_short_tick_time_keeps_an_idle_connection,
     large_messages_both_ways, any_term_comes_back_as_it_went, chosen_terms_come_back_as_they_went].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    #{node := DevNode} = Dev = ring_cluster:start_beam("dev"),
    #{node := Node} = Program =
        ring_cluster:start_ringnode("cpp1", ["--supervisor", ?SUP ++ atom_to_list(DevNode)]),
    [{dev, Dev}, {node, Node}, {program, Program} | Config].

end_per_suite(_Config) ->
    ring_cluster:stop().

init_per_testcase(_Case, Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() -> all_children_answer(Node) end),
    Config.

%% Requests

spawned_functions_run_or_end_with_undef(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        process_flag(trap_exit, true),
        {Good, GoodRef} = spawn_monitor(Node, erlang, node, []),
        ?assertEqual(Node, node(Good)),
        ?assertEqual(normal, down(GoodRef)),
        {_, BadRef} = spawn_monitor(Node, no_module, no_function, [1, 2]),
        ?assertMatch({undef, [{no_module, no_function, [1, 2], _} | _]}, down(BadRef)),
        Linked = spawn_link(Node, no_module, no_function, []),
        ?assertMatch({undef, _}, receive {'EXIT', Linked, Why} -> Why after 30000 -> nothing end),
        true = is_pid(spawn(Node, erlang, node, [])),
        {Both, BothRef} = spawn_opt(Node, erlang, node, [], [link, monitor, {priority, high}]),
        ?assertEqual(normal, down(BothRef)),
        ?assertEqual(normal, receive {'EXIT', Both, Normal} -> Normal after 30000 -> nothing end),
        Fun = fun() -> ok end,
        {_, FunRef} = spawn_monitor(Node, Fun),
        ?assertMatch({undef, _}, down(FunRef)),
        ReqId = spawn_request(Node, erlang, node, [], [monitor, {reply_tag, spawned}]),
        ?assertMatch({spawned, ReqId, ok, _}, receive {spawned, ReqId, _, _} = Reply -> Reply after 30000 -> nothing end),
        ?assertEqual(normal, down(ReqId)),
        Silent = spawn_request(Node, erlang, node, [], [{reply, error_only}]),
        ?assertEqual(nothing, receive {spawn_reply, Silent, _, _} = Any -> Any after 100 -> nothing end)
    end).

erpc_in_all_its_forms(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        ?assertEqual([{ok, node()}, {ok, Node}, {error, {erpc, noconnection}}],
                     erpc:multicall([node(), Node, 'nobody@127.0.0.1'], erlang, node, [], 5000)),
        ?assertMatch([{error, {exception, undef, _}}], erpc:multicall([Node], fun() -> ok end, 5000)),
        ok = erpc:cast(Node, erlang, node, []),
        ok = erpc:multicast([Node, node()], erlang, node, []),
        Request = erpc:send_request(Node, erlang, node, []),
        ?assertEqual(Node, erpc:receive_response(Request, 5000)),
        Other = erpc:send_request(Node, erlang, node, []),
        ?assertEqual({response, Node}, erpc:wait_response(Other, 5000)),
        ?assertError({exception, badarg, _}, erpc:call(Node, erlang, whereis, [1])),
        %% Nothing that nobody asked for is left.
        ?assertEqual(nothing, receive Message -> Message after 100 -> nothing end)
    end).

rpc_in_all_its_forms(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        Key = rpc:async_call(Node, erlang, node, []),
        ?assertEqual(Node, rpc:yield(Key)),
        Key2 = rpc:async_call(Node, erlang, node, []),
        ?assertEqual({value, Node}, rpc:nb_yield(Key2, 5000)),
        ?assertEqual(Node, rpc:block_call(Node, erlang, node, [])),
        ?assertEqual({[Node], ['nobody@127.0.0.1']}, rpc:multicall([Node, 'nobody@127.0.0.1'], erlang, node, [])),
        true = rpc:cast(Node, erlang, node, []),
        abcast = rpc:abcast([Node], nobody, hello),
        ?assertEqual({[], [Node]}, rpc:sbcast([Node], nobody, hello)),
        ?assertEqual({[Node], []}, rpc:sbcast([Node], c1, hello)),
        ?assert(lists:member(rex, rpc:call(Node, erlang, registered, []))),
        ?assertEqual({badrpc, nodedown}, rpc:call('nobody@127.0.0.1', erlang, node, []))
    end).

gen_server_requests_in_all_their_forms(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        {Replies, Bad} = gen_server:multi_call([Node, 'nobody@127.0.0.1'], c1, get, 5000),
        ?assertMatch([{Node, Count}] when is_integer(Count), Replies),
        ?assertEqual(['nobody@127.0.0.1'], Bad),
        ?assertEqual({[], [Node]}, gen_server:multi_call([Node], missing, get, 5000)),
        abcast = gen_server:abcast([Node], c1, increment),
        Request = gen_server:send_request({c1, Node}, {echo, here}),
        ?assertEqual({reply, here}, gen_server:receive_response(Request, 5000)),
        Lost = gen_server:send_request({missing, Node}, {echo, here}),
        ?assertMatch({error, {noproc, _}}, gen_server:receive_response(Lost, 5000)),
        %% A reply after the time-out comes to an alias that is not there any more.
        ?assertExit({timeout, _}, gen_server:call({c2, Node}, {sleep, 300}, 50)),
        ?assertEqual(nothing, receive Late -> Late after 600 -> nothing end),
        %% An alias of the caller is answered, once.
        Alias = alias([reply]),
        {c1, Node} ! {'$gen_call', {self(), [alias | Alias]}, {echo, 1}},
        {c1, Node} ! {'$gen_call', {self(), [alias | Alias]}, {echo, 2}},
        ?assertEqual([{[alias | Alias], 1}], received(300)),
        %% A plain send through gen_server:cast, erlang:send with options, and to a pid.
        ok = gen_server:cast({c1, Node}, {set, 41}),
        ok = erlang:send({c1, Node}, {tick}, [noconnect]),
        ?assertEqual(42, gen_server:call(pid_of(Node, c1), get))
    end).

sys_asks_a_child(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        ?assertEqual({cpp, <<"counter">>}, sys:get_state({c1, Node})),
        ?assertMatch({status, _, {module, _}, [_, running | _]}, sys:get_status({c1, Node})),
        ?assertMatch({status, _, {module, _}, [_, running | _]}, sys:get_status(pid_of(Node, c1))),
        catch sys:suspend({c1, Node}, 1000),
        catch sys:resume({c1, Node}, 1000),
        catch sys:trace({c1, Node}, true, 1000),
        catch sys:replace_state({c1, Node}, fun(State) -> State end, 1000),
        catch sys:change_code({c1, Node}, m, undefined, [], 1000),
        ?assert(is_integer(gen_server:call({c1, Node}, get)))
    end).

gen_server_stop_stops_a_child(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        Pid = pid_of(Node, c1),
        Ref = monitor(process, Pid),
        ok = gen_server:stop(Pid),
        ?assertEqual(normal, down(Ref)),
        ring_cluster:eventually(fun() -> is_integer(gen_server:call({c1, Node}, get)) end, 5000),
        ?assertNotEqual(Pid, pid_of(Node, c1)),
        ok = gen_server:stop({c2, Node}, shutdown, 5000),
        ring_cluster:eventually(fun() -> is_integer(gen_server:call({c2, Node}, get)) end, 5000),
        ?assertExit(noproc, gen_server:stop({missing, Node}))
    end).

%% Observers walk over everything that is registered: each has an answer or none, nobody dies of it.
sys_asks_the_processes_of_the_program(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        Names = erpc:call(Node, erlang, registered, []) -- my_sup:ids(),
        Pids = [erpc:call(Node, erlang, whereis, [Name]) || Name <- Names],
        {Micros, _} = timer:tc(fun() ->
            [{catch sys:get_state({Name, Node}, 5000), catch sys:get_status({Name, Node}, 5000),
              catch sys:suspend({Name, Node}, 5000)} || Name <- Names]
        end),
        ?assertMatch(#{sup_ref := _, child_specs := [_ | _]},
                     sys:get_state({list_to_atom(atom_to_list(my_sup:name()) ++ ".ChildManager"), Node})),
        ?assertEqual(Pids, [erpc:call(Node, erlang, whereis, [Name]) || Name <- Names]),
        ?assert(Micros < ?AT_ONCE_MS * 1000),
        ?assertEqual(pong, net_adm:ping(Node))
    end).

a_supervisor_process_answers_supervisor(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        Children = supervisor:which_children({my_sup:name(), Node}),
        ?assertEqual(lists:sort(my_sup:ids()), lists:sort([Id || {Id, Pid, worker, _} <- Children, is_pid(Pid)])),
        ?assertEqual(12, proplists:get_value(active, supervisor:count_children({my_sup:name(), Node})))
    end).

%% Signals

every_exit_reason_arrives_as_it_is(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        process_flag(trap_exit, true),
        [begin
             all_children_answer(Node),
             Pid = pid_of(Node, c1),
             true = link(Pid),
             ByPid = monitor(process, Pid),
             ByName = monitor(process, {c1, Node}),
             exit(Pid, Reason),
             ?assertEqual({Seen, Seen}, {down(ByPid), down(ByName)}),
             ?assertEqual(Seen, receive {'EXIT', Pid, Why} -> Why after 30000 -> nothing end)
         end || {Reason, Seen} <- [{kill, killed}, {killed, killed}, {boom, boom}, {shutdown, shutdown},
                                   {{shutdown, <<"why">>}, {shutdown, <<"why">>}},
                                   {{1 bsl 100, [#{a => 1.5}], "text"}, {1 bsl 100, [#{a => 1.5}], "text"}}]],
        %% Its own reasons too.
        [begin
             all_children_answer(Node),
             Ref = monitor(process, pid_of(Node, c2)),
             ?assertEqual(ok, gen_server:call({c2, Node}, {stop, Reason})),
             ?assertEqual(Reason, down(Ref))
         end || Reason <- [normal, shutdown, {shutdown, x}, {odd, [1 | 2]}]]
    end).

an_exit_normal_does_nothing(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        Pid = pid_of(Node, c3),
        exit(Pid, normal),
        {_, Ref} = spawn_monitor(fun() -> link(Pid), gen_server:call(Pid, get) end),
        normal = down(Ref),
        ?assert(is_integer(gen_server:call(Pid, get)))
    end).

a_cpp_exception_is_the_reason_of_all_who_look(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        process_flag(trap_exit, true),
        Pid = pid_of(Node, c4),
        true = link(Pid),
        Ref = monitor(process, {c4, Node}),
        ?assertExit({{cpp_exception, <<"asked to crash">>}, {gen_server, call, _}}, gen_server:call(Pid, crash)),
        ?assertEqual({cpp_exception, <<"asked to crash">>}, down(Ref)),
        ?assertEqual({cpp_exception, <<"asked to crash">>},
                     receive {'EXIT', Pid, Why} -> Why after 30000 -> nothing end)
    end).

a_cut_connection_is_noconnection_and_heals(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        process_flag(trap_exit, true),
        Pid = pid_of(Node, c5),
        true = link(Pid),
        Refs = [monitor(process, Pid), monitor(process, {c6, Node})],
        gen_server:call(Pid, get),
        Waiting = gen_server:send_request({c7, Node}, {sleep, 1000}),
        true = erlang:disconnect_node(Node),
        ?assertEqual([noconnection, noconnection], [down(Ref) || Ref <- Refs]),
        ?assertEqual(noconnection, receive {'EXIT', Pid, Why} -> Why after 30000 -> nothing end),
        ?assertMatch({error, {noconnection, _}}, gen_server:receive_response(Waiting, 5000)),
        %% The child was linked to this process, so it has gone as well; its successor is there.
        ring_cluster:eventually(fun() -> pid_of(Node, c5) =/= Pid end, 5000),
        all_children_answer(Node)
    end).

%% A third node asks a child in the name of one that is not connected, while that one connects itself.
both_connect_at_once_many_times(Config) ->
    Node = proplists:get_value(node, Config),
    [begin
         #{node := Other} = Beam = ring_cluster:start_beam(Name),
         ok = on_dev(Config, fun() -> pong = net_adm:ping(Other), meet(Node, Other, 150) end),
         ring_cluster:stop_beam(Beam)
     end || Name <- ["aaa", "zzz"]].

meet(_Node, _Other, 0) ->
    ok;
meet(Node, Other, Times) ->
    Self = self(),
    Ref = make_ref(),
    Pid = spawn(Other, fun() ->
        erlang:disconnect_node(Node),
        Self ! {Ref, ready},
        receive {Ref, go} -> ok end,
        Count = try gen_server:call({c1, Node}, get) catch _:Why -> Why end,
        Reply = receive {Ref, answer} -> answer after 30000 -> nothing end,
        Self ! {Ref, Count, Reply}
    end),
    receive {Ref, ready} -> ok end,
    %% A reply on the old connection would be lost with it, as on a BEAM.
    ring_cluster:eventually(fun() -> not lists:member(Other, erpc:call(Node, erlang, nodes, [])) end, 5000),
    Pid ! {Ref, go},
    {c2, Node} ! {'$gen_call', {Pid, Ref}, {echo, answer}},
    receive
        {Ref, Count, answer} when is_integer(Count) -> meet(Node, Other, Times - 1);
        Else -> error({Times, Else})
    after 60000 ->
        error({Times, nothing})
    end.

%% A BEAM with a tick time of 4 s gives a program up that stops, and speaks to it again afterwards.
a_frozen_program_is_dropped_in_time(Config) ->
    #{node := DevNode} = proplists:get_value(dev, Config),
    #{node := Node} = Program = ring_cluster:start_ringnode("frozen", ["--supervisor", ?SUP ++ atom_to_list(DevNode)]),
    Beam = ring_cluster:start_beam("impatient", ["-kernel", "net_ticktime", "4"]),
    in(Beam, fun() ->
        process_flag(trap_exit, true),
        all_children_answer(Node),
        Pid = pid_of(Node, c1),
        Refs = [monitor(process, Pid), monitor(process, {rex, Node})],
        true = link(Pid),
        gen_server:call(Pid, get),
        ring_cluster:signal(Program, "STOP"),
        {Micros, Why} = timer:tc(fun() -> receive {'EXIT', Pid, W} -> W after 30000 -> nothing end end),
        ring_cluster:signal(Program, "CONT"),
        ?assertEqual(noconnection, Why),
        ?assertEqual([noconnection, noconnection], [down(Ref) || Ref <- Refs]),
        ?assert(Micros < 20000000),
        ring_cluster:eventually(fun() -> net_adm:ping(Node) =:= pong end, 10000)
    end),
    ring_cluster:kill(Program),
    ring_cluster:stop_beam(Beam).

%% The other way round: the program's children that watch a process of a BEAM hear that the connection is lost.
a_frozen_beam_is_dropped_in_time(Config) ->
    #{node := DevNode} = proplists:get_value(dev, Config),
    #{node := Node} = Program = watcher("patient", ["--tick-time", "4"], DevNode),
    #{node := Frozen} = Beam = ring_cluster:start_beam("frozen_beam", ["-kernel", "net_ticktime", "4"]),
    OsPid = in(Beam, fun os:getpid/0),
    [Pid, ByName] = [in(Beam, fun() -> whereis(Name) end) || Name <- [rex, net_kernel]],
    on_dev(Config, fun() ->
        ring_cluster:eventually(fun() -> is_list(gen_server:call({w1, Node}, told)) end, 10000),
        Ref = gen_server:call({w1, Node}, {monitor, Pid}),
        NameRef = gen_server:call({w1, Node}, {monitor, {net_kernel, Frozen}}),
        ok = gen_server:call({w1, Node}, {link, ByName}),
        timer:sleep(5000),
        ?assertEqual([], gen_server:call({w1, Node}, told)),
        os:cmd("kill -STOP " ++ OsPid),
        {Micros, ok} = timer:tc(fun() ->
            ring_cluster:eventually(fun() -> length(gen_server:call({w1, Node}, told)) end, 3, 15000)
        end),
        os:cmd("kill -CONT " ++ OsPid),
        ?assertEqual(lists:sort([{'DOWN', Ref, process, Pid, noconnection},
                                 {'DOWN', NameRef, process, {net_kernel, Frozen}, noconnection},
                                 {'EXIT', ByName, noconnection}]),
                     lists:sort(gen_server:call({w1, Node}, told))),
        ct:log("given up after ~p ms", [Micros div 1000]),
        ?assert(Micros > 2500000),
        ?assert(Micros < 20000000)
    end),
    ring_cluster:eventually(fun() -> in(Beam, fun() -> net_adm:ping(Node) end) end, pong, 10000),
    ?assertMatch({match, _}, re:run(ring_cluster:log(Program), "frozen_beam@127.0.0.1.*silent for 4")),
    ring_cluster:kill(Program),
    ring_cluster:stop_beam(Beam).

%% Stopped for longer than its own tick time, beside a BEAM with a longer one: the BEAM's ticks wait to be read.
a_program_that_was_held_up_keeps_its_connections(Config) ->
    #{node := DevNode} = proplists:get_value(dev, Config),
    #{node := Node} = Program = watcher("held_up", ["--tick-time", "2"], DevNode),
    on_dev(Config, fun() ->
        ring_cluster:eventually(fun() -> is_list(gen_server:call({w1, Node}, told)) end, 10000),
        gen_server:call({w1, Node}, {monitor, self()}),
        ring_cluster:signal(Program, "STOP"),
        timer:sleep(4000),
        ring_cluster:signal(Program, "CONT"),
        ?assertEqual([], gen_server:call({w1, Node}, told))
    end),
    ring_cluster:kill(Program).

%% A program with one child that watches others: {w1, Node}.
watcher(Name, Args, DevNode) ->
    Argument = "={specs,[{w1,{gen_server,start_link,[{local,w1},watcher,[],[]]},permanent,2000,worker,[watcher]}]}",
    ring_cluster:start_ringnode(Name, Args ++ ["--workers", ring_cluster:odd_workers(),
                                               "--supervisor", "watchers=my_sup@" ++ atom_to_list(DevNode) ++ Argument]).

%% Nobody says anything for more than two of its tick times: the program answers its ticks.
a_short_tick_time_keeps_an_idle_connection(Config) ->
    Node = proplists:get_value(node, Config),
    Beam = ring_cluster:start_beam("hasty", ["-kernel", "net_ticktime", "4"]),
    in(Beam, fun() ->
        pong = net_adm:ping(Node),
        Ref = monitor(process, {rex, Node}),
        pong = net_adm:ping(Node),
        ?assertEqual(nothing, receive {'DOWN', Ref, _, _, Why} -> Why after 9000 -> nothing end)
    end),
    ring_cluster:stop_beam(Beam).

%% Terms

large_messages_both_ways(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        [begin
             Answer = gen_server:call({c1, Node}, {echo, Term}, 30000),
             ?assert(Term =:= Answer)
         end || Term <- [binary:copy(<<7>>, 10 bsl 20), lists:seq(1, 1000000), binary:copy(<<"x">>, 50 bsl 20),
                         [binary:copy(<<N>>, 1000) || N <- lists:seq(1, 10000)],
                         maps:from_list([{N, {N, <<"value">>}} || N <- lists:seq(1, 100000)])]]
    end).

any_term_comes_back_as_it_went(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        ?assert(proper:quickcheck(?FORALL(Term, any_term(), same(Node, Term)), [{numtests, 1000}, {max_size, 30}, quiet]))
    end).

chosen_terms_come_back_as_they_went(Config) ->
    Node = proplists:get_value(node, Config),
    on_dev(Config, fun() ->
        Bound = self(),
        Terms = [0, 255, 256, -1, (1 bsl 31) - 1, 1 bsl 31, -(1 bsl 31), -(1 bsl 31) - 1, (1 bsl 63) - 1, 1 bsl 63, -(1 bsl 63),
                 -(1 bsl 63) - 1, (1 bsl 64) - 1, 1 bsl 64, 1 bsl 2039, -(1 bsl 2040), 1 bsl 2048, -(1 bsl 5000),
                 0.0, -0.0, 1.0e308, 5.0e-324, 'åäö', '日本', list_to_atom(lists:duplicate(255, $x)),
                 list_to_atom(lists:duplicate(255, 16#1F600)), '', "", [], <<>>, <<1:1>>, <<255, 3:2>>, <<0:7>>,
                 [a | b], [1, 2 | 3], lists:duplicate(65535, 1), lists:duplicate(65536, 1), lists:seq(250, 260),
                 list_to_tuple(lists:seq(1, 255)), list_to_tuple(lists:seq(1, 256)), {}, #{}, #{#{} => #{[] => {}}},
                 maps:from_list([{N, N} || N <- lists:seq(1, 33)]), maps:from_list([{N / 2, N} || N <- lists:seq(1, 1000)]),
                 fun erlang:node/0, fun lists:map/2, fun(X) -> {X, Bound} end, fun() -> ok end, self(), make_ref(), alias(),
                 hd(erlang:ports()), pid_of(Node, c2), {Node, node()}, nested(5000)],
        [?assert(same(Node, Term)) || Term <- Terms]
    end).

nested(0) -> [];
nested(N) -> [nested(N - 1)].

same(Node, Term) ->
    gen_server:call({c1, Node}, {echo, Term}) =:= Term.

any_term() ->
    ?SIZED(Size, any_term(Size)).

%% Lists are short: the depth is what a size stands for.
some(Type) ->
    ?LET(Length, range(0, 5), proper_types:vector(Length, Type)).

any_term(0) ->
    oneof([integer(), big_integer(), float(), atom(), unicode_atom(), bitstring(), binary(), exactly(self()), exactly(make_ref()),
           exactly(fun erlang:node/0), [], {}, #{}]);
any_term(Size) ->
    Smaller = any_term(Size div 2),
    frequency([{2, any_term(0)},
               {2, some(Smaller)},
               {1, ?LET({First, Head, Tail}, {Smaller, some(Smaller), any_term(0)}, improper([First | Head], Tail))},
               {1, ?LET(Elements, some(Smaller), list_to_tuple(Elements))},
               {1, ?LET(Pairs, some({Smaller, Smaller}), maps:from_list(Pairs))},
               {1, ?LET(Captured, Smaller, fun() -> Captured end)},
               {1, list(byte())}]).

big_integer() ->
    ?LET({Bits, Low, Sign}, {range(30, 3000), integer(), oneof([1, -1])}, Sign * ((1 bsl Bits) + Low)).

unicode_atom() ->
    ?LET(Chars, list(oneof([range(32, 126), range(160, 255), range(16#400, 16#4FF), range(16#1F600, 16#1F64F)])),
         list_to_atom(lists:sublist(Chars, 200))).

improper([Head], Tail) -> [Head | Tail];
improper([Head | More], Tail) -> [Head | improper(More, Tail)].

%% Helpers

all_children_answer(Node) ->
    ring_cluster:eventually(fun() -> [true = is_integer(gen_server:call({Id, Node}, get)) || Id <- my_sup:ids()], ok end, ok, 15000).

pid_of(Node, Id) ->
    erpc:call(Node, supervisorring, whereis, [my_sup:name(), Id]).

on_dev(Config, Fun) ->
    in(proplists:get_value(dev, Config), Fun).

down(Ref) ->
    receive {'DOWN', Ref, process, _, Reason} -> Reason after 30000 -> nothing end.

received(WithinMs) ->
    receive Message -> [Message | received(WithinMs)] after WithinMs -> [] end.
