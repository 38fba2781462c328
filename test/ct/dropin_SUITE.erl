%% The drop-in application: a BEAM with the program beside it.
%%
%% What the real program never does (faults, and moments that cannot be hit from outside)
%% is shown with fake_program; the rest with the program in priv.
-module(dropin_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2,
         init_per_testcase/2, end_per_testcase/2]).
-export([a_missing_program_is_one_line_and_an_error/1, a_program_that_may_not_be_executed_is_named/1,
         another_version_of_the_protocol_is_refused/1, noise_is_not_taken_for_a_program/1,
         a_program_that_crashes_at_once_is_spaced/1, a_silent_program_is_killed_and_replaced/1,
         what_the_program_says_last_is_logged/1]).
-export([children_start_with_all_results_of_otp/1, a_slow_start_holds_up_nobody/1,
         a_child_starts_another_while_it_starts/1, what_the_program_orders_ends_a_child/1,
         the_tree_stops_without_the_program_in_order/1, a_killed_tree_takes_its_children_along/1,
         a_supervisor_that_gives_up_is_started_again_with_its_children/1,
         init_fails_as_under_otp/1, two_supervisors_of_one_name/1, the_processes_look_as_under_otp/1,
         a_killed_program_is_replaced_and_children_stay/1, calls_survive_the_program/1,
         a_request_that_programs_die_of_is_given_up/1, when_the_lease_ends_children_stop_before_acks/1,
         a_child_that_ends_without_a_program_is_restarted/1, a_line_of_the_program_is_logged/1,
         nothing_is_left_when_the_application_stops/1, unknown_messages_stop_nothing/1,
         a_killed_relay_has_the_program_replaced/1, a_killed_owner_starts_anew/1]).

-export([members_share_children/1, programs_killed_under_load/1, legacy_members_are_replaced_under_load/1,
         a_data_directory_has_one_owner/1, handlers_that_do_not_answer/1, an_intensity_that_is_exceeded_ends_it/1,
         peers_take_over_when_the_lease_ends/1, a_node_that_stops_hands_its_children_over/1, a_native_child_has_a_process/1]).

-import(ring_cluster, [in/2, eventually/2, eventually/3, program_pid/0, is_ready/0]).

-define(SUP, 'Elixir.BeamSup').

suite() ->
    [{timetrap, {seconds, 60}}].

all() ->
    [{group, faults}, {group, fake}, {group, members}].

groups() ->
    [{faults, [], [a_missing_program_is_one_line_and_an_error,
                   a_program_that_may_not_be_executed_is_named,
                   another_version_of_the_protocol_is_refused, noise_is_not_taken_for_a_program,
                   a_program_that_crashes_at_once_is_spaced, a_silent_program_is_killed_and_replaced,
                   what_the_program_says_last_is_logged]},
     {fake, [], [children_start_with_all_results_of_otp, a_slow_start_holds_up_nobody,
                 a_child_starts_another_while_it_starts, what_the_program_orders_ends_a_child,
                 the_tree_stops_without_the_program_in_order, a_killed_tree_takes_its_children_along,
                 a_supervisor_that_gives_up_is_started_again_with_its_children,
                 init_fails_as_under_otp, two_supervisors_of_one_name,
                 the_processes_look_as_under_otp, a_killed_program_is_replaced_and_children_stay,
                 calls_survive_the_program, a_request_that_programs_die_of_is_given_up,
                 when_the_lease_ends_children_stop_before_acks,
                 a_child_that_ends_without_a_program_is_restarted, a_line_of_the_program_is_logged,
                 nothing_is_left_when_the_application_stops, unknown_messages_stop_nothing,
                 a_killed_relay_has_the_program_replaced, a_killed_owner_starts_anew]},
     {members, [], [members_share_children, programs_killed_under_load,
                    legacy_members_are_replaced_under_load, a_data_directory_has_one_owner,
                    handlers_that_do_not_answer, an_intensity_that_is_exceeded_ends_it,
                    peers_take_over_when_the_lease_ends,
                    a_node_that_stops_hands_its_children_over, a_native_child_has_a_process]}].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    Config.

end_per_suite(_Config) ->
    ring_cluster:stop().

init_per_group(_Group, Config) ->
    Config.

end_per_group(_Group, _Config) ->
    ok.

init_per_testcase(Case, Config) ->
    case lists:member(Case, proplists:get_value(members, [{G, Cs} || {G, _, Cs} <- groups()])) of
        true -> [{mark, ring_cluster:mark()} | Config];
        false -> one_beam(Case, Config)
    end.

one_beam(Case, Config) ->
    Name = "beam_" ++ integer_to_list(erlang:unique_integer([positive])),
    Mark = ring_cluster:mark(),
    Beam = ring_cluster:start_beam(Name),
    in(Beam, fun() -> log_lines:start(), beam_child:witness() end),
    Started = case lists:member(Case, proplists:get_value(fake, [{G, Cs} || {G, _, Cs} <- groups()])) of
                  true -> start(Beam, fake(supervising, Config), #{lease_ms => 20000});
                  false -> not_started
              end,
    ct:log("~p: ~p", [Name, Started]),
    [{mark, Mark}, {beam, Beam} | Config].

end_per_testcase(_Case, Config) ->
    [ct:log("~ts", [catch [[Line, $\n] || Line <- lines(Beam)]]) || {beam, Beam} <- Config],
    ring_cluster:stop_since(proplists:get_value(mark, Config)).

%% Faults

a_missing_program_is_one_line_and_an_error(Config) ->
    Beam = start(Config, "/no/such/program", #{}),
    in(Beam, fun() ->
        ?assertMatch({error, {no_program, {cannot_start, _, enoent}}}, supervisor([])),
        ?assertExit({{no_program, {cannot_start, _, enoent}}, {supervisorring, status, []}},
                    supervisorring:status()),
        ?assertExit({noproc, {supervisorring, find, [?SUP, a]}}, supervisorring:find(?SUP, a))
    end),
    timer:sleep(300),
    ?assertMatch([_], lines(Beam, "/no/such/program is not there")).

a_program_that_may_not_be_executed_is_named(Config) ->
    File = filename:join(proplists:get_value(priv_dir, Config), "not_executable"),
    ok = file:write_file(File, "#!/bin/sh\n"),
    ok = file:change_mode(File, 8#644),
    Beam = start(Config, File, #{}),
    in(Beam, fun() -> ?assertMatch({error, {no_program, {cannot_start, _, eacces}}}, supervisor([])) end),
    ?assertMatch([_], lines(Beam, "not_executable may not be executed")).

another_version_of_the_protocol_is_refused(Config) ->
    Beam = start(Config, fake(another_version, Config), #{lease_ms => 1000}),
    in(Beam, fun() -> ?assertMatch({error, {no_program, _}}, supervisor([])) end),
    ?assertMatch([_ | _], lines(Beam, "speaks version 2 of the protocol (program 9.9.9), this application 1")).

noise_is_not_taken_for_a_program(Config) ->
    Beam = start(Config, fake(noise, Config), #{lease_ms => 1000}),
    in(Beam, fun() -> ?assertMatch({error, {no_program, _}}, supervisor([])) end),
    ?assertMatch([_ | _], lines(Beam, "is not the program that belongs here, it sends")).

a_program_that_crashes_at_once_is_spaced(Config) ->
    Beam = start(Config, fake(crashing, Config), #{lease_ms => 1000}),
    in(Beam, fun() -> ?assertMatch({error, {no_program, {exit_status, 3}}}, supervisor([])) end),
    ?assertEqual([ended("a successor is started"), ended("a successor is started"),
                  ended("a successor is started in 100 ms"), ended("a successor is started in 200 ms")],
                 lists:sublist(lines(Beam, "ended with status 3"), 4)).

ended(Next) ->
    "supervisorring: the program ended with status 3; " ++ Next.

a_silent_program_is_killed_and_replaced(Config) ->
    Beam = start(Config, fake(silent, Config), #{}),
    eventually(fun() -> length(lines(Beam, "has been silent for 1000 ms: it is killed")) end, 2, 15000).

what_the_program_says_last_is_logged(Config) ->
    Beam = start(Config, fake(refusing, Config), #{}),
    eventually(fun() -> lines(Beam, "the program refuses to start: no time today") =/= [] end, 10000).

%% Children

children_start_with_all_results_of_otp(Config) ->
    on(Config, fun() ->
        {ok, _} = supervisor([]),
        Self = self(),
        Start = fun(Id, Fun) -> supervisor:start_child(?SUP, beam_child:spec(Id, {beam_child, start_with, [Fun]})) end,
        ?assertMatch({ok, _}, Start(a, fun() -> beam_child:start_link(a) end)),
        ?assertMatch({ok, _, info}, Start(b, fun() -> {ok, P} = beam_child:start_link(b), {ok, P, info} end)),
        ?assertEqual(ignore, Start(c, fun() -> ignore end)),
        ?assertEqual({error, because}, Start(d, fun() -> {error, because} end)),
        ?assertEqual({error, nonsense}, Start(e, fun() -> nonsense end)),
        ?assertEqual({error, {ok, not_a_pid}}, Start(f, fun() -> {ok, not_a_pid} end)),
        ?assertMatch({error, {'EXIT', {crash, [_ | _]}}}, Start(g, fun() -> error(crash) end)),
        ?assertEqual({error, {'EXIT', gone}}, Start(h, fun() -> exit(gone) end)),
        ?assertEqual({error, thrown}, Start(i, fun() -> throw({error, thrown}) end)),
        ?assertMatch({error, {'EXIT', {undef, [_ | _]}}},
                     supervisor:start_child(?SUP, beam_child:spec(j, {no_such_module, start, []}))),
        %% A start function that crashes is not the end of who runs it.
        ?assertMatch({error, {'EXIT', killed}}, Start(k, fun() -> exit(spawn_link(fun() -> ok end), kill), exit(killed) end)),
        ?assertEqual([a, b], [Id || {Id, Pid} <- sys:get_state(?SUP), is_pid(Pid)]),
        %% Who starts a child is no longer in its way.
        Self = self()
    end).

a_slow_start_holds_up_nobody(Config) ->
    on(Config, fun() ->
        {ok, _} = supervisor([]),
        spawn(fun() -> supervisor:start_child(?SUP, beam_child:spec(slow, {beam_child, slow, [slow, 3000]})) end),
        timer:sleep(50),
        Before = erlang:monotonic_time(millisecond),
        {ok, _} = supervisor:start_child(?SUP, beam_child:spec(quick)),
        [_ | _] = supervisor:which_children(?SUP),
        ?assert(erlang:monotonic_time(millisecond) - Before < 1000),
        ?assertEqual([{started, quick}], beam_child:seen())
    end).

a_child_starts_another_while_it_starts(Config) ->
    on(Config, fun() ->
        {ok, _} = supervisor([]),
        Start = {beam_child, starting_another, [outer, ?SUP, inner]},
        {ok, _} = supervisor:start_child(?SUP, beam_child:spec(outer, Start)),
        ?assertEqual([{started, inner}, {started, outer}], beam_child:seen())
    end).

what_the_program_orders_ends_a_child(Config) ->
    on(Config, fun() ->
        {ok, _} = supervisor([beam_child:spec(a), beam_child:spec(b)]),
        await([a, b]),
        B = monitor(process, b),
        ok = gen_server:call(?SUP, {terminate_child, a, shutdown}),
        ?assertEqual({ended, a, shutdown}, lists:last(beam_child:seen())),
        ok = gen_server:call(?SUP, {terminate_child, b, kill}),
        receive {'DOWN', B, process, _, Reason} -> ?assertEqual(killed, Reason) end
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
        ?assertMatch({status, _, {module, supervisorring_local}, _}, sys:get_status(?SUP)),
        ?assertMatch(#{'__struct__' := 'Elixir.NanoRing'}, sys:get_state('Elixir.NanoRing')),
        [begin ok = sys:suspend(Name), ok = sys:resume(Name) end
         || Name <- ['Elixir.NanoRing', ?SUP, 'Elixir.BeamSup.ChildManager', supervisorring_peer]]
    end).

%% The program dies

a_killed_program_is_replaced_and_children_stay(Config) ->
    on(Config, fun() ->
        {ok, _} = supervisor([beam_child:spec(a)]),
        await([a]),
        A = whereis(a),
        [begin
             Before = program_pid(),
             os:cmd("kill -" ++ Signal ++ " " ++ Before),
             eventually(fun() -> is_ready() andalso program_pid() =/= Before end, 10000),
             eventually(fun() -> is_gone(Before) end, 5000),
             ?assertEqual([{a, A, worker, [beam_child]}], supervisor:which_children(?SUP))
         end || Signal <- ["KILL", "STOP", "KILL"]]
    end).

calls_survive_the_program(Config) ->
    on(Config, fun() ->
        {ok, _} = supervisor([]),
        stop_program(),
        Self = self(),
        [spawn(fun() -> Self ! {N, catch supervisor:start_child(?SUP, beam_child:spec(N))} end) || N <- [a, b, c]],
        [receive {N, Answer} -> ?assertMatch({ok, _}, Answer) end || N <- [a, b, c]],
        ?assertMatch([{a, _, _, _}, {b, _, _, _}, {c, _, _, _}], supervisor:which_children(?SUP))
    end).

a_request_that_programs_die_of_is_given_up(Config) ->
    on(Config, fun() ->
        {ok, _} = supervisor([]),
        ?assertExit({timeout, _}, gen_server:call(?SUP, {exit, 9}, 3000)),
        eventually(fun() -> supervisor:which_children(?SUP) end, [], 10000)
    end),
    ?assertMatch([_], lines(Config, "1 requests are given up")).

when_the_lease_ends_children_stop_before_acks(Config) ->
    on(Config, fun() ->
        {ok, Global} = supervisor([{a, {beam_child, start_link, [a, #{stop_ms => 500}]}, permanent, 5000, worker, []}]),
        await([a]),
        application:set_env(supervisorring, lease_ms, 1000),
        application:set_env(supervisorring, program, "/no/such/program"),
        eventually(fun() -> is_acked() end, 5000),
        A = monitor(process, a),
        os:cmd("kill -KILL " ++ program_pid()),
        %% Gossip is acknowledged as long as the child runs.
        Acked = acked_until(A),
        ?assert(length(Acked) > 5),
        ?assertEqual([true], lists:usort(Acked)),
        eventually(fun() -> is_acked() end, false, 2000),
        ?assert(is_process_alive(Global)),
        application:set_env(supervisorring, program, filename:absname("/bin/false"))
    end),
    ?assertMatch([_], lines(Config, "the lease has ended, 1 children were stopped")).

acked_until(Monitor) ->
    Acked = is_acked(),
    receive {'DOWN', Monitor, process, _, _} -> []
    after 50 -> [Acked | acked_until(Monitor)]
    end.

is_acked() ->
    Ref = make_ref(),
    gen_server:cast('Elixir.NanoRing', {reconcile, #{}, self(), Ref}),
    receive {Ref, is_up} -> true after 100 -> false end.

a_child_that_ends_without_a_program_is_restarted(Config) ->
    on(Config, fun() ->
        {ok, _} = supervisor([beam_child:spec(a)]),
        await([a]),
        A = whereis(a),
        stop_program(),
        catch gen_server:call(a, {exit, crashed}),
        eventually(fun() -> is_pid(whereis(a)) andalso whereis(a) =/= A end, 10000),
        eventually(fun() -> supervisor:which_children(?SUP) =:= [{a, whereis(a), worker, [beam_child]}] end, 5000)
    end).

a_line_of_the_program_is_logged(Config) ->
    eventually(fun() -> on(Config, fun() ->
                   [{Level, maps:with([domain, where], Meta)}
                    || {Level, "a line of the program", Meta} <- log_lines:events()]
               end) end, [{notice, #{domain => [supervisorring], where => fake}}], 5000).

nothing_is_left_when_the_application_stops(Config) ->
    on(Config, fun() ->
        eventually(fun ring_cluster:is_ready/0, 5000),
        OsPid = program_pid(),
        ok = application:stop(supervisorring),
        eventually(fun() -> is_gone(OsPid) end, 5000),
        ?assertEqual([], [Name || Name <- registered(), string:find(atom_to_list(Name), "upervisorring") =/= nomatch])
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

%% Its program, which is stopped, must not keep the successor from the data directory.
a_killed_owner_starts_anew(Config) ->
    on(Config, fun() ->
        {ok, _} = supervisor([beam_child:spec(a)]),
        await([a]),
        A = whereis(a),
        Before = program_pid(),
        stop_program(),
        exit(whereis(supervisorring_port), kill),
        eventually(fun() -> ring_cluster:is_ready() end, 5000),
        eventually(fun() -> is_gone(Before) end, 5000),
        ?assertEqual([{a, A, worker, [beam_child]}], supervisor:which_children(?SUP))
    end).

a_killed_relay_has_the_program_replaced(Config) ->
    on(Config, fun() ->
        eventually(fun ring_cluster:is_ready/0, 5000),
        Before = program_pid(),
        exit(whereis('Elixir.NanoRing'), kill),
        eventually(fun() -> is_ready() andalso program_pid() =/= Before end, 10000)
    end).

%% Members with the real program

-define(MIXED, 'Elixir.MixedSup').

members_share_children(Config) ->
    [M1 | _] = Members = members(["share1", "share2", "share3"], Config),
    Nodes = [Node || #{node := Node} <- Members],
    start_mixed(Members),
    await_one_of_each(M1, Members),
    Owners = [in(M, fun() -> [supervisorring:find(?MIXED, Id) || Id <- ?MIXED:ids()] end) || M <- Members],
    ?assertMatch([_], lists:usort(Owners)),
    ?assertEqual(Nodes, lists:usort(hd(Owners))),
    ?assertMatch(#{active := 12}, in(M1, fun() -> supervisorring:count_children(?MIXED) end)),
    [in(Member, fun() ->
         {ok, Pid} = supervisorring:start_child(?MIXED, ?MIXED:counter(Id)),
         ?assertEqual(supervisorring:find(?MIXED, Id), node(Pid)),
         ?assertEqual({error, {already_started, Pid}}, supervisorring:start_child(?MIXED, ?MIXED:counter(Id))),
         ?assertEqual(node(Pid), supervisorring:exec(?MIXED, Id, fun erlang:node/0)),
         ?assertEqual(Pid, supervisorring:whereis_name({?MIXED, Id})),
         ?assertEqual(1, gen_server:call({via, supervisorring, {?MIXED, Id}}, increment)),
         ?assertEqual({error, running}, supervisorring:restart_child(?MIXED, Id)),
         ok = supervisorring:terminate_child(?MIXED, Id),
         {ok, _} = supervisorring:restart_child(?MIXED, Id),
         ok = supervisorring:terminate_child(?MIXED, Id),
         ok = supervisorring:delete_child(?MIXED, Id),
         ?assertEqual([], ?MIXED:get_all())
     end) || Member <- Members, Id <- [x1, x2, x3]],
    %% A client of theirs.
    Client = ring_cluster:start_beam("share_client"),
    ring_cluster:legacy_modules(Client),
    in(Client, fun() ->
        _ = application:load(supervisorring),
        application:set_env(supervisorring, members, Nodes),
        [?assertEqual(Owner, supervisorring:exec(?MIXED, Id, fun erlang:node/0))
         || {Id, Owner} <- [{Id, supervisorring:find(?MIXED, Id)} || Id <- [m1, m2, m3, m4]]],
        {ok, Pid} = supervisorring:start_child(?MIXED, 'Elixir.MixedSup':counter(x4)),
        ?assertEqual(Pid, supervisorring:whereis_name({?MIXED, x4})),
        ?assertMatch(#{active := 13}, supervisorring:count_children(?MIXED)),
        ok = supervisorring:terminate_child(?MIXED, x4),
        ok = supervisorring:delete_child(?MIXED, x4)
    end),
    %% A BEAM that dies: the others have its children.
    [_, #{node := N2} = M2, M3] = Members,
    catch in(M3, fun() -> erlang:halt(0) end),
    eventually(fun() -> in(M1, fun() -> ring_view:up(N2) end) end, Nodes -- [maps:get(node, M3)], 10000),
    await_one_of_each(M1, [M1, M2]).

%% 50 and 5 with DROPIN_KILLS=50.
programs_killed_under_load(Config) ->
    Kills = list_to_integer(os:getenv("DROPIN_KILLS", "6")),
    ct:timetrap({seconds, 60 + 3 * Kills}),
    Legacy = ring_cluster:start_legacy("load1"),
    Members = [Legacy | Dropins] = [Legacy | members(["load2", "load3"], #{join => [maps:get(node, Legacy)]}, Config)],
    await_up(Members),
    start_mixed(Members),
    await_one_of_each(Legacy, Members),
    [in(M, fun up_watch:start/0) || M <- Members],
    Before = pids(Legacy, Members),
    Loads = [{M, in(M, fun() -> load:start(?MIXED, ?MIXED:ids(), load_options(M, hd(Dropins))) end)} || M <- Dropins],
    Took = [kill_one(lists:nth(1 + N rem 2, Dropins), Signal)
            || {N, Signal} <- [{N, "KILL"} || N <- lists:seq(1, Kills)]
                                  ++ [{N, "STOP"} || N <- lists:seq(1, max(1, Kills div 10))]],
    timer:sleep(1000),
    Tallies = [in(M, fun() -> load:stop(Pids) end) || {M, Pids} <- Loads],
    ct:pal("ms from kill to ready: ~p~n~p", [Took, Tallies]),
    ?assertEqual([[], [], []], [in(M, fun up_watch:gone/0) || M <- Members]),
    ?assertEqual(Before, pids(Legacy, Members)),
    [?assertEqual(#{}, Failed) || #{failed := Failed} <- Tallies].

load_options(Member, Member) -> #{readers => 4, changing => fun 'Elixir.MixedSup':counter/1};
load_options(_Member, _First) -> #{readers => 4}.

kill_one(Beam, Signal) ->
    in(Beam, fun() ->
        #{generation := Before} = supervisorring_port:program(),
        Since = erlang:monotonic_time(millisecond),
        os:cmd("kill -" ++ Signal ++ " " ++ program_pid()),
        soon(fun() ->
                 #{generation := Generation, ready := Ready} = supervisorring_port:program(),
                 Ready andalso Generation > Before
             end),
        Took = erlang:monotonic_time(millisecond) - Since,
        %% Three lives of less than a second would delay the next one.
        timer:sleep(700),
        Took
    end).

soon(Fun) ->
    Fun() orelse begin timer:sleep(2), soon(Fun) end.

legacy_members_are_replaced_under_load(_Config) ->
    Names = ["roll1", "roll2", "roll3"],
    [L1, L2, L3] = Legacies = [ring_cluster:start_legacy(Name, [ring_cluster:node_name(hd(Names)) || Name =/= hd(Names)])
                               || Name <- Names],
    await_up(Legacies),
    start_mixed(Legacies),
    await_one_of_each(L1, Legacies),
    Ids = in(L1, fun() -> ?MIXED:ids() end),
    Owners = in(L1, fun() -> [supervisorring:find(?MIXED, Id) || Id <- Ids] end),
    Replaced = lists:foldl(fun(Name, Members) -> replace(Name, Members, Owners) end,
                           maps:from_list(lists:zip(Names, [L1, L2, L3])), Names),
    Members = maps:values(Replaced),
    await_one_of_each(hd(Members), Members),
    ?assertEqual([Owners, Owners, Owners],
                 [in(M, fun() -> [supervisorring:find(?MIXED, Id) || Id <- Ids] end) || M <- Members]).

%% One member stops and comes back as ours. Its children run elsewhere meanwhile and bring their
%% state home; nobody else's move.
replace(Name, Members, Owners) ->
    Old = maps:get(Name, Members),
    [Other | _] = Others = maps:values(maps:remove(Name, Members)),
    OldNode = maps:get(node, Old),
    Staying = [{Id, Pid} || {Id, Pid} <- pids(Other, maps:values(Members)), node(Pid) =/= OldNode],
    Load = in(Other, fun() -> load:start(?MIXED, ?MIXED:ids(), #{readers => 4}) end),
    timer:sleep(300),
    ring_cluster:stop_beam(Old),
    await_one_of_each(Other, Others),
    Moved = in(Other, fun() -> ?MIXED:ids() end) -- [Id || {Id, _} <- Staying],
    [in(Other, fun() -> gen_server:cast({Id, supervisorring:find(?MIXED, Id)}, {set, 7}) end) || Id <- Moved],
    New = ring_cluster:start_dropin(Name, #{}),
    ring_cluster:legacy_modules(New),
    %% At once, as at the start of a release: a legacy member would end a child that belongs
    %% where its supervisor does not run yet.
    {ok, _} = in(New, fun() -> ?MIXED:start() end),
    await_up([New | Others]),
    await_one_of_each(New, [New | Others]),
    ?assertEqual(Owners, in(New, fun() -> [supervisorring:find(?MIXED, Id) || Id <- ?MIXED:ids()] end)),
    ?assertEqual([7 || _ <- Moved], in(New, fun() -> [gen_server:call(Id, get) || Id <- Moved] end)),
    ?assertEqual(Staying, [{Id, Pid} || {Id, Pid} <- pids(Other, [New | Others]), not lists:member(Id, Moved)]),
    timer:sleep(300),
    ct:pal("~s replaced: ~p", [Name, in(Other, fun() -> load:stop(Load) end)]),
    Members#{Name := New}.

a_data_directory_has_one_owner(Config) ->
    [One] = members(["dir1"], Config),
    Two = ring_cluster:start_dropin("dir2", #{data_dir => ring_cluster:data_dir("dir1"), lease_ms => 1000}),
    in(Two, fun() -> ?assertMatch({error, {no_program, {refused, _}}}, supervisor([])) end),
    timer:sleep(6000),
    ?assertMatch([_], lines(Two, "the program refuses to start: ")),
    in(One, fun() -> {ok, _} = supervisor([beam_child:spec(a)]), await([a]) end).

handlers_that_do_not_answer(Config) ->
    [Beam] = members(["handlers"], Config),
    in(Beam, fun() ->
        beam_child:witness(),
        Module = fun(Name, Text) -> compile_module(Name, Text) end,
        Module(raising, "match(_) -> error(broken). get_all() -> error(broken). add(_) -> ok. del(_) -> ok."),
        Module(odd, "match(_) -> false. get_all() -> [nonsense, 17]. add(_) -> ok. del(_) -> ok."),
        Handlers = [{dyn_child_handler, M} || M <- [no_such_handler, raising, odd]],
        {ok, _} = supervisor([beam_child:spec(a) | Handlers]),
        await([a]),
        ?assertEqual({error, {cannot_match_handler, b}}, supervisorring:start_child(?SUP, beam_child:spec(b))),
        await([a, b]),
        ?assertMatch({error, {invalid_child_spec, _}}, supervisorring:start_child(?SUP, {c, what})),
        ?assertMatch({error, {invalid_restart_type, never}}, supervisorring:start_child(?SUP, setelement(3, beam_child:spec(c), never))),
        ?assertMatch([{b, _, worker, _}, {a, _, worker, _}], supervisor:which_children(?SUP))
    end),
    ct:pal("~p", [lines(Beam)]),
    [?assertMatch([_ | _], lines(Beam, Text)) || Text <- ["no_such_handler", "raising", "odd"]].

compile_module(Name, Text) ->
    {ok, Tokens, _} = erl_scan:string("-module(" ++ atom_to_list(Name) ++ "). -compile([export_all, nowarn_export_all]). " ++ Text),
    {ok, Name, Code} = compile:forms(forms(Tokens)),
    {module, Name} = code:load_binary(Name, "", Code).

forms([]) ->
    [];
forms(Tokens) ->
    {Form, [Dot | Rest]} = lists:splitwith(fun(Token) -> element(1, Token) =/= dot end, Tokens),
    {ok, Parsed} = erl_parse:parse_form(Form ++ [Dot]),
    [Parsed | forms(Rest)].

%% More than ten restarts within five seconds, three times: then it ends on the other member too.
an_intensity_that_is_exceeded_ends_it(Config) ->
    [One, Two] = Members = members(["give1", "give2"], Config),
    Specs = [beam_child:spec(Id) || Id <- [a, b, c, d, e, f]],
    Globals = [in(M, fun() -> {ok, G} = supervisor(Specs), unlink(G), G end) || M <- Members],
    Ids = [a, b, c, d, e, f],
    Mine = eventually_value(fun() -> in(One, fun() -> [Id || Id <- Ids, whereis(Id) =/= undefined] end) end, 5000),
    Reason = in(One, fun() ->
        Monitor = monitor(process, hd(Globals)),
        crash_until_down(hd(Mine), Monitor)
    end),
    ?assertEqual(shutdown, Reason),
    eventually(fun() -> in(Two, fun() -> whereis('Elixir.BeamSup.GlobalSup') end) end, undefined, 10000).

eventually_value(Fun, TimeoutMs) ->
    eventually(fun() -> Fun() =/= [] end, TimeoutMs),
    timer:sleep(500),
    Fun().

crash_until_down(Id, Monitor) ->
    catch exit(whereis(Id), kill),
    receive {'DOWN', Monitor, process, _, Reason} -> Reason
    after 5 -> crash_until_down(Id, Monitor)
    end.

%% The children of a node that stops as a release does, tree by tree.
a_node_that_stops_hands_its_children_over(Config) ->
    [One, #{node := N2} = Two] = Members = members(["stop1", "stop2"], Config),
    _ = file:delete(ring_cluster:children_file()),
    [ok = in(M, fun() -> user_app:launch(?MIXED) end) || M <- Members],
    await_one_of_each(One, Members),
    Held = in(One, fun() ->
        Held = [Id || Id <- ?MIXED:ids(), is_pid(whereis(Id))],
        [gen_server:cast(Id, {set, 7}) || Id <- Held],
        Held
    end),
    ?assertNotEqual([], Held),
    in(Two, fun up_watch:start/0),
    ok = in(One, fun() -> init:stop() end),
    eventually(fun() -> in(Two, fun() -> [catch gen_server:call(Id, get) || Id <- Held] end) end,
               [7 || _ <- Held], 10000),
    ?assertEqual([N2], in(Two, fun() -> ring_view:up(N2) end)).

peers_take_over_when_the_lease_ends(Config) ->
    [One, #{node := N2} = Two] = Members = members(["lease1", "lease2"], #{lease_ms => 1500}, Config),
    start_mixed(Members),
    await_one_of_each(One, Members),
    Held = in(One, fun() ->
        application:set_env(supervisorring, program, "/no/such/program"),
        os:cmd("kill -KILL " ++ program_pid()),
        [Id || Id <- ?MIXED:ids(), is_pid(whereis(Id))]
    end),
    ?assertNotEqual([], Held),
    eventually(fun() -> in(One, fun() -> [Id || Id <- Held, is_pid(whereis(Id))] end) end, [], 5000),
    eventually(fun() -> in(Two, fun() -> ring_view:up(N2) end) end, [N2], 15000),
    eventually(fun() -> in(Two, fun() -> [Id || Id <- Held, not is_pid(whereis(Id))] end) end, [], 15000),
    ?assertMatch([_], lines(One, "the lease has ended")),
    %% The program is back: its children come home.
    Program = ring_cluster:executable(),
    in(One, fun() -> application:set_env(supervisorring, program, Program) end),
    eventually(fun() -> in(One, fun() -> [Id || Id <- Held, not is_pid(whereis(Id))] end) end, [], 20000),
    await_one_of_each(One, Members).

a_native_child_has_a_process(Config) ->
    Workers = filename:join([ring_cluster:root(), "priv", "libcounter.so"]),
    [Beam] = members(["native1"], #{workers => [Workers]}, Config),
    in(Beam, fun() ->
        code:purge('Elixir.Counter'), code:delete('Elixir.Counter'),
        Spec = {n1, {gen_server, start_link, [{local, n1}, 'Elixir.Counter', [], []]}, permanent, 2000, worker, ['Elixir.Counter']},
        {ok, Global} = supervisor([Spec]),
        await([n1]),
        Pid = whereis(n1),
        ?assertEqual(1, gen_server:call(n1, increment)),
        ok = gen_server:cast(n1, {set, 7}),
        ?assertEqual(7, gen_server:call(n1, get)),
        ?assertEqual([{n1, Pid, worker, ['Elixir.Counter']}], supervisor:which_children(?SUP)),
        ?assertEqual({native_child, n1}, sys:get_state(n1)),
        Monitor = monitor(process, n1),
        os:cmd("kill -KILL " ++ program_pid()),
        receive {'DOWN', Monitor, process, _, Reason} -> ?assertEqual(killed, Reason) end,
        eventually(fun() -> is_pid(whereis(n1)) end, 5000),
        ?assertEqual(1, gen_server:call(n1, increment)),
        Again = monitor(process, n1),
        exit(whereis(n1), shutdown),
        receive {'DOWN', Again, process, _, Reason2} -> ?assertEqual(shutdown, Reason2) end,
        eventually(fun() -> is_pid(whereis(n1)) end, 5000),
        Last = monitor(process, n1),
        unlink(Global),
        exit(Global, shutdown),
        receive {'DOWN', Last, process, _, Reason3} -> ?assertEqual(shutdown, Reason3) end
    end).

members(Names, Config) ->
    members(Names, #{}, Config).

%% The first one is joined by the others, where Env does not name another.
members([First | _] = Names, Env, _Config) ->
    FirstNode = ring_cluster:node_name(First),
    [file:del_dir_r(ring_cluster:data_dir(Name)) || Name <- Names],
    Members = [begin
                   Join = case Name of First -> []; _ -> [FirstNode] end,
                   Beam = ring_cluster:start_dropin(Name, maps:merge(#{join => Join}, Env)),
                   ring_cluster:legacy_modules(Beam),
                   eventually(fun() -> in(Beam, fun ring_cluster:is_ready/0) end, 10000),
                   Beam
               end || Name <- Names],
    await_up(Members),
    Members.

await_up(Members) ->
    Nodes = lists:sort([Node || #{node := Node} <- Members]),
    [eventually(fun() -> in(M, fun() -> Nodes -- ring_view:up(node()) end) end, [], 15000) || M <- Members].

start_mixed(Members) ->
    _ = file:delete(ring_cluster:children_file()),
    [{ok, _} = in(Member, fun() -> ?MIXED:start() end) || Member <- Members].

%% Every child runs on its owner and nowhere else.
await_one_of_each(Asked, Members) ->
    Nodes = [Node || #{node := Node} <- Members],
    eventually(fun() -> in(Asked, fun() ->
        Running = lists:sort([{Id, Node} || Node <- Nodes, {Id, Pid, _, _} <- supervisor:which_children({?MIXED, Node}), is_pid(Pid)]),
        Owned = lists:sort([{Id, supervisorring:find(?MIXED, Id)} || Id <- ?MIXED:ids()]),
        {Running -- Owned, Owned -- Running}
    end) end, {[], []}, 20000).

pids(Asked, Members) ->
    Nodes = [Node || #{node := Node} <- Members],
    in(Asked, fun() ->
        lists:sort([{Id, Pid} || Node <- Nodes, {Id, Pid, _, _} <- supervisor:which_children({?MIXED, Node}),
                                 lists:member(Id, ?MIXED:ids())])
    end).

%% Helpers of the cases, on the BEAM

supervisor(Specs) ->
    Restore = process_flag(trap_exit, true),
    Result = supervisorring:start_link({local, ?SUP}, beam_child, {ok, {{one_for_one, 10, 5}, Specs}}),
    process_flag(trap_exit, Restore),
    Result.

await(Ids) ->
    eventually(fun() -> [Id || Id <- Ids, is_pid(whereis(Id))] end, Ids, 5000).

await_gone(Pid) ->
    Monitor = monitor(process, Pid),
    receive {'DOWN', Monitor, process, _, _} -> ok after 10000 -> error({still_there, Pid}) end.

is_gone(OsPid) ->
    os:cmd("kill -0 " ++ OsPid ++ " 2>&1") =/= "".

stop_program() ->
    os:cmd("kill -STOP " ++ program_pid()).

%% Starting

on(Config, Fun) ->
    in(proplists:get_value(beam, Config), Fun).

start(Config, Program, Env) when is_list(Config) ->
    Beam = proplists:get_value(beam, Config),
    _ = start(Beam, Program, Env),
    Beam;
start(#{node := Node} = Beam, Program, Env) ->
    DataDir = ring_cluster:data_dir(atom_to_list(Node)),
    in(Beam, fun() ->
        _ = application:load(supervisorring),
        [application:set_env(supervisorring, Key, Value)
         || {Key, Value} <- maps:to_list(Env#{program => Program, data_dir => DataDir})],
        application:ensure_all_started(supervisorring)
    end).

fake(Mode, Config) ->
    fake_program:script(proplists:get_value(priv_dir, Config), Mode, filename:dirname(code:which(?MODULE))).

lines(Config) when is_list(Config) -> lines(proplists:get_value(beam, Config));
lines(Beam) -> in(Beam, fun() -> [Text || {Level, Text, _} <- log_lines:events(), Level =/= debug] end).

lines(Config, Text) ->
    [Line || Line <- lines(Config), string:find(Line, Text) =/= nomatch].
