%% One life of the program after the other: what its successors take over, what is answered
%% meanwhile, and what happens when none comes within the lease. With fake_program, which can
%% be stopped at the moments that matter.
-module(port_lives_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([a_line_of_the_program_is_logged/1, a_killed_program_is_replaced_and_children_stay/1,
         calls_survive_the_program/1, a_request_that_programs_die_of_is_given_up/1,
         when_the_lease_ends_children_stop_before_acks/1, a_shim_that_acks_after_its_lease_is_caught/1, a_child_that_ends_without_a_program_is_restarted/1,
         a_killed_owner_starts_anew/1, a_killed_relay_has_the_program_replaced/1,
         nothing_is_left_when_the_application_stops/1]).

-import(dropin_kit, [supervisor/1, await/1, is_gone/1, stop_program/0, on/2, lines/2]).
-import(ring_cluster, [eventually/2, eventually/3, program_pid/0, is_ready/0]).

-define(SUP, 'Elixir.BeamSup').

suite() ->
    [{timetrap, {seconds, 60}}].

all() ->
    [a_line_of_the_program_is_logged, a_killed_program_is_replaced_and_children_stay,
     calls_survive_the_program, a_request_that_programs_die_of_is_given_up,
     when_the_lease_ends_children_stop_before_acks, a_shim_that_acks_after_its_lease_is_caught, a_child_that_ends_without_a_program_is_restarted,
     a_killed_owner_starts_anew, a_killed_relay_has_the_program_replaced,
     nothing_is_left_when_the_application_stops].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(_Case, Config) ->
    dropin_kit:supervising_beam(Config).

end_per_testcase(_Case, Config) ->
    dropin_kit:end_case(Config).

a_line_of_the_program_is_logged(Config) ->
    eventually(fun() -> on(Config, fun() ->
                   [{Level, maps:with([domain, where], Meta)}
                    || {Level, "a line of the program", Meta} <- log_lines:events()]
               end) end, [{notice, #{domain => [supervisorring], where => fake}}], 5000).

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
    ?assertEqual(false, on(Config, fun acked_after_lease/0)),
    ?assertMatch([_], lines(Config, "the lease has ended, 1 children were stopped")).

%% What the case above looks at is seen when it goes wrong: the other members would count one up that runs nothing.
a_shim_that_acks_after_its_lease_is_caught(Config) ->
    ?assertEqual(true, on(Config, fun() ->
        mutate(supervisorring_relay, fun({call, _, {remote, _, {atom, _, supervisorring_estate}, {atom, Line, get}}, [{atom, _, acks}, _]}) -> {atom, Line, true};
                                        (_) -> same
                                     end),
        acked_after_lease()
    end)).

acked_after_lease() ->
    {ok, Global} = supervisor([{a, {beam_child, start_link, [a, #{stop_ms => 500}]}, permanent, 5000, worker, []}]),
    await([a]),
    application:set_env(supervisorring, lease_ms, 1000),
    application:set_env(supervisorring, program, "/no/such/program"),
    eventually(fun() -> is_acked() end, 5000),
    A = monitor(process, a),
    os:cmd("kill -KILL " ++ program_pid()),
    %% Gossip is acknowledged as long as the child runs.
    Acked = acked_until(A),
    ?assertEqual([true], lists:usort(Acked)),
    StillAcked = try eventually(fun() -> is_acked() end, false, 500) of _ -> false
                 catch _:_ -> true
                 end,
    ?assert(is_process_alive(Global)),
    application:set_env(supervisorring, program, filename:absname("/bin/false")),
    StillAcked.

%% The module goes on with each part of its code for which Change says something else.
mutate(Module, Change) ->
    {Module, Beam, File} = code:get_object_code(Module),
    {ok, {Module, [{abstract_code, {raw_abstract_v1, Forms}}]}} = beam_lib:chunks(Beam, [abstract_code]),
    Mutant = changed(Forms, Change),
    ?assertNotEqual(Forms, Mutant),
    {ok, Module, Code} = compile:forms(Mutant, []),
    {module, Module} = code:load_binary(Module, File, Code).

changed(Form, Change) ->
    case Change(Form) of
        same when is_tuple(Form) -> list_to_tuple([changed(Part, Change) || Part <- tuple_to_list(Form)]);
        same when is_list(Form) -> [changed(Part, Change) || Part <- Form];
        same -> Form;
        Other -> Other
    end.

acked_until(Monitor) ->
    Acked = is_acked(),
    receive {'DOWN', Monitor, process, _, _} -> []
    after 50 -> [Acked | acked_until(Monitor)]
    end.

%% Gossip, and a digest in its place.
is_acked() ->
    [Gossip, Digest] = Refs = [make_ref(), make_ref()],
    gen_server:cast('Elixir.NanoRing', {reconcile, #{}, self(), Gossip}),
    supervisorring_peer ! {supervisorring_peer, self(), {digest, <<0:160>>, self(), Digest}},
    lists:all(fun(Ref) -> receive {Ref, is_up} -> true after 500 -> false end end, Refs).

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

nothing_is_left_when_the_application_stops(Config) ->
    on(Config, fun() ->
        eventually(fun ring_cluster:is_ready/0, 5000),
        OsPid = program_pid(),
        ok = application:stop(supervisorring),
        eventually(fun() -> is_gone(OsPid) end, 5000),
        ?assertEqual([], [Name || Name <- registered(), string:find(atom_to_list(Name), "upervisorring") =/= nomatch])
    end).
