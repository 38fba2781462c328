%% Children on the BEAM, each under a keeper, as OTP's supervisor would have them.
-module(beam_children_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([children_start_with_all_results_of_otp/1, a_slow_start_holds_up_nobody/1,
         a_child_starts_another_while_it_starts/1, what_the_program_orders_ends_a_child/1]).

-import(dropin_kit, [supervisor/1, await/1, on/2]).

-define(SUP, 'Elixir.BeamSup').

suite() ->
    [{timetrap, {seconds, 60}}].

all() ->
    [children_start_with_all_results_of_otp, a_slow_start_holds_up_nobody,
     a_child_starts_another_while_it_starts, what_the_program_orders_ends_a_child].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(_Case, Config) ->
    dropin_kit:supervising_beam(Config).

end_per_testcase(_Case, Config) ->
    dropin_kit:end_case(Config).

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
        spawn(fun() -> supervisor:start_child(?SUP, beam_child:spec(slow, {beam_child, slow, [slow, 60000]})) end),
        timer:sleep(50),
        {ok, _} = supervisor:start_child(?SUP, beam_child:spec(quick)),
        [_ | _] = supervisor:which_children(?SUP),
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
