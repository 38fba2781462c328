%% The processes of a supervisor in the user's tree: how they start, look and end, with
%% their children, with and without the program.
-module(beam_tree_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([init_fails_as_under_otp/1, two_supervisors_of_one_name/1, the_processes_look_as_under_otp/1,
         unknown_messages_stop_nothing/1, the_tree_stops_without_the_program_in_order/1,
         a_killed_tree_takes_its_children_along/1,
         a_supervisor_that_gives_up_is_started_again_with_its_children/1]).

-import(dropin_kit, [supervisor/1, await/1, await_gone/1, stop_program/0, on/2, lines/2]).
-import(ring_cluster, [eventually/2]).

-define(SUP, 'Elixir.BeamSup').

suite() ->
    [{timetrap, {seconds, 60}}].

all() ->
    [init_fails_as_under_otp, two_supervisors_of_one_name, the_processes_look_as_under_otp,
     unknown_messages_stop_nothing, the_tree_stops_without_the_program_in_order,
     a_killed_tree_takes_its_children_along, a_supervisor_that_gives_up_is_started_again_with_its_children].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(_Case, Config) ->
    dropin_kit:supervising_beam(Config).

end_per_testcase(_Case, Config) ->
    dropin_kit:end_case(Config).

init_fails_as_under_otp(Config) ->
    on(Config, fun() ->
        process_flag(trap_exit, true),
        Start = fun(Returned) -> supervisorring:start_link({local, ?SUP}, beam_child, Returned) end,
        ?assertEqual({error, {bad_return, {beam_child, init, nonsense}}}, Start(nonsense)),
        ?assertEqual(ignore, Start(ignore)),
        ?assertEqual({error, {supervisor_data, {invalid_intensity, -1}}}, Start({ok, {{one_for_one, -1, 5}, []}})),
        ?assertEqual({error, {supervisor_data, {invalid_strategy, all}}}, Start({ok, {#{strategy => all}, []}})),
        ?assertEqual({error, {start_spec, {invalid_restart_type, never}}},
                     Start({ok, {{one_for_one, 1, 5}, [setelement(3, beam_child:spec(a), never)]}})),
        ?assertEqual({error, {start_spec, {duplicate_child_name, a}}},
                     Start({ok, {{one_for_one, 1, 5}, [beam_child:spec(a), beam_child:spec(a)]}})),
        ?assertMatch({error, {crash, [_ | _]}}, Start(fun() -> error(crash) end)),
        ?assertMatch({error, {undef, [_ | _]}}, supervisorring:start_link({local, ?SUP}, no_such_module, [])),
        ?assertEqual(undefined, whereis(supervisorring_global:global_name(?SUP))),
        {ok, _} = supervisor([])
    end).

two_supervisors_of_one_name(Config) ->
    on(Config, fun() ->
        {ok, Global} = supervisor([]),
        ?assertEqual({error, {already_started, Global}}, supervisor([]))
    end).

the_processes_look_as_under_otp(Config) ->
    on(Config, fun() ->
        {ok, Global} = supervisor([beam_child:spec(a)]),
        await([a]),
        ?assertEqual(Global, whereis('Elixir.BeamSup.GlobalSup')),
        ?assertMatch([{child_manager, _, worker, _}, {local_sup, _, supervisor, _}], supervisor:which_children(Global)),
        ?assertEqual([{a, whereis(a), worker, [beam_child]}], supervisor:which_children(?SUP)),
        {dictionary, Dictionary} = process_info(whereis(a), dictionary),
        [Keeper, ?SUP, 'Elixir.BeamSup.GlobalSup' | _] = proplists:get_value('$ancestors', Dictionary),
        ?assertEqual({supervisorring_keeper, init, 3}, proc_lib:translate_initial_call(Keeper)),
        ?assert(lists:member(Keeper, element(2, process_info(whereis(?SUP), links)))),
        ?assertMatch(#{sup_ref := ?SUP, callback := beam_child, child_specs := [_]},
                     sys:get_state('Elixir.BeamSup.ChildManager')),
        ?assertMatch({status, _, {module, supervisorring_process}, _}, sys:get_status(?SUP)),
        ?assertMatch(#{'__struct__' := 'Elixir.NanoRing'}, sys:get_state('Elixir.NanoRing')),
        [begin ok = sys:suspend(Name), ok = sys:resume(Name) end
         || Name <- ['Elixir.NanoRing', ?SUP, 'Elixir.BeamSup.ChildManager', supervisorring_peer]]
    end).

unknown_messages_stop_nothing(Config) ->
    on(Config, fun() ->
        {ok, _} = supervisor([beam_child:spec(a)]),
        await([a]),
        Names = ['Elixir.NanoRing', 'Elixir.Supervisorring.App.Sup.SuperSup', supervisorring_peer,
                 ?SUP, 'Elixir.BeamSup.ChildManager', supervisorring_port,
                 supervisorring_estate, a],
        Nobody = spawn(fun() -> ok end),
        Pids = [whereis(Name) || Name <- Names],
        [Name ! Message || Name <- Names,
                           Message <- [hello, {'$gen_cast', what}, {'EXIT', Nobody, why}, {'$supervisorring', what},
                                       {'$gen_call', nobody, what}, {make_ref(), what}, [], {}, 17],
                           Name =/= a],
        timer:sleep(300),
        ?assertEqual(Pids, [whereis(Name) || Name <- Names])
    end).

%% The program is stopped meanwhile, so it can have no part in it.
the_tree_stops_without_the_program_in_order(Config) ->
    on(Config, fun() ->
        Brutal = setelement(4, beam_child:spec(d), brutal_kill),
        Stubborn = {c, {beam_child, start_link, [c, #{stop_ms => 5000}]}, permanent, 100, worker, []},
        Unhurried = {b, {beam_child, start_link, [b, #{stop_ms => 300}]}, permanent, infinity, worker, []},
        {ok, Global} = supervisor([beam_child:spec(a), Unhurried, Stubborn, Brutal]),
        await([a, b, c, d]),
        Monitors = [{monitor(process, Id), Id} || Id <- [a, b, c, d]],
        stop_program(),
        unlink(Global),
        exit(Global, shutdown),
        Ends = [receive {'DOWN', M, process, _, Why} -> {proplists:get_value(M, Monitors), Why} end
                || _ <- Monitors],
        ?assertEqual([{d, killed}, {c, killed}, {b, shutdown}, {a, shutdown}], Ends),
        await_gone(Global)
    end),
    ?assertMatch([_], lines(Config, "shutdown_error")).

a_killed_tree_takes_its_children_along(Config) ->
    on(Config, fun() ->
        Slow = {b, {beam_child, start_link, [b, #{stop_ms => 300}]}, permanent, 2000, worker, []},
        {ok, Global} = supervisor([beam_child:spec(a), Slow]),
        await([a, b]),
        Olds = [whereis(Name) || Name <- [a, b, ?SUP]],
        unlink(Global),
        exit(Global, kill),
        await_gone(Global),
        %% Its parent starts it again at once.
        {ok, _} = supervisor([beam_child:spec(a)]),
        ?assertEqual([], [Pid || Pid <- Olds, is_process_alive(Pid)]),
        ?assertEqual([{ended, b, shutdown}, {ended, a, shutdown}],
                     [Seen || {ended, _, _} = Seen <- beam_child:seen()]),
        await([a])
    end).

a_supervisor_that_gives_up_is_started_again_with_its_children(Config) ->
    on(Config, fun() ->
        {ok, Global} = supervisor([beam_child:spec(a)]),
        await([a]),
        [begin
             Local = whereis(?SUP),
             A = whereis(a),
             catch gen_server:call(?SUP, {end_with, shutdown}),
             await_gone(Local),
             ?assertNot(is_process_alive(A))
         end || _ <- [1, 2], eventually(fun() -> is_pid(whereis(a)) end, 5000) =:= ok],
        eventually(fun() -> is_pid(whereis(a)) end, 5000),
        unlink(Global),
        Monitor = monitor(process, Global),
        catch gen_server:call(?SUP, {end_with, shutdown}),
        receive {'DOWN', Monitor, process, _, Reason} -> ?assertEqual(shutdown, Reason) end,
        ?assertEqual(undefined, whereis(a))
    end).
