%% A BEAM with the real program, alone in its ring.
-module(one_member_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([a_data_directory_has_one_owner/1, handlers_that_do_not_answer/1, a_native_child_has_a_process/1]).

-import(dropin_kit, [supervisor/1, await/1, members/1, members/2, lines/1, lines/2]).
-import(ring_cluster, [in/2, eventually/2, program_pid/0]).

-define(SUP, 'Elixir.BeamSup').

suite() ->
    [{timetrap, {seconds, 60}}].

all() ->
    [a_data_directory_has_one_owner, handlers_that_do_not_answer, a_native_child_has_a_process].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(_Case, Config) ->
    dropin_kit:begin_case(Config).

end_per_testcase(_Case, Config) ->
    dropin_kit:end_case(Config).

a_data_directory_has_one_owner(_Config) ->
    [One] = members(["dir1"]),
    Two = ring_cluster:start_dropin("dir2", #{data_dir => ring_cluster:data_dir("dir1"), lease_ms => 1000}),
    in(Two, fun() -> ?assertMatch({error, {no_program, {refused, _}}}, supervisor([])) end),
    timer:sleep(3000),
    ?assertMatch([_], lines(Two, "the program refuses to start: ")),
    in(One, fun() -> {ok, _} = supervisor([beam_child:spec(a)]), await([a]) end).

handlers_that_do_not_answer(_Config) ->
    [Beam] = members(["handlers"]),
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

a_native_child_has_a_process(_Config) ->
    Workers = filename:join([ring_cluster:root(), "priv", "libcounter.so"]),
    [Beam] = members(["native1"], #{workers => [Workers]}),
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
