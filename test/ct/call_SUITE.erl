%% Calls and casts by {Sup, Id}, to children in C++ that stay and that move, from a client.
-module(call_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([what_there_is_none_of_is_noproc/1, no_call_fails_while_children_move/1]).

-import(ring_cluster, [in/2, eventually/3]).

-define(SUP, 'Elixir.MySup').
-define(MOVES, 3).

suite() ->
    [{timetrap, {seconds, 120}}].

all() ->
    [what_there_is_none_of_is_noproc, no_call_fails_while_children_move].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(_Case, Config0) ->
    Config = dropin_kit:begin_case(Config0),
    [file:del_dir_r(ring_cluster:data_dir(Name)) || Name <- ["call1", "call2"]],
    #{node := Dev} = Client = ring_cluster:start_beam("call_client"),
    Sup = ["--supervisor", "'Elixir.MySup'=my_sup@" ++ atom_to_list(Dev)],
    #{node := First} = ring_cluster:start_ringnode("call1", Sup),
    in(Client, fun() ->
        _ = application:load(supervisorring),
        application:set_env(supervisorring, members, [First])
    end),
    eventually(fun() -> in(Client, fun() -> [catch supervisorring:call(?SUP, Id, get) || Id <- my_sup:ids()] end) end,
               [0 || _ <- my_sup:ids()], 30000),
    [{client, Client}, {first, First}, {args, ["--join", atom_to_list(First) | Sup]} | Config].

end_per_testcase(_Case, Config) ->
    dropin_kit:end_case(Config).

what_there_is_none_of_is_noproc(Config) ->
    in(proplists:get_value(client, Config), fun() ->
        Reason = fun(Sup, Id) -> try supervisorring:call(Sup, Id, get, 20000) catch exit:Why -> Why end end,
        ?assertEqual({noproc, {supervisorring, call, [?SUP, nobody, get, 20000]}}, Reason(?SUP, nobody)),
        ?assertEqual({noproc, {supervisorring, call, [no_sup, c1, get, 20000]}}, Reason(no_sup, c1)),
        ok = supervisorring:terminate_child(?SUP, c1),
        ?assertMatch({noproc, _}, Reason(?SUP, c1)),
        {ok, _} = supervisorring:restart_child(?SUP, c1),
        ?assertEqual(0, supervisorring:call(?SUP, c1, get)),
        ok = supervisorring:cast(?SUP, c1, anything)
    end).

%% A second member joins and leaves again and again; callers count what they were answered.
no_call_fails_while_children_move(Config) ->
    Client = proplists:get_value(client, Config),
    Callers = in(Client, fun() -> [spawn(fun() -> count(N, #{}, []) end) || N <- lists:seq(1, 4)] end),
    [join_and_leave(Config) || _ <- lists:seq(1, ?MOVES)],
    Said = in(Client, fun() -> [tally(Caller) || Caller <- Callers] end),
    Failed = [Why || {_, Failures} <- Said, Why <- Failures],
    Counts = lists:foldl(fun({Counts, _}, Sum) -> maps:merge_with(fun(_, A, B) -> A + B end, Counts, Sum) end, #{}, Said),
    ct:pal("answered: ~p", [Counts]),
    ?assertEqual([], Failed),
    ?assertEqual(Counts, in(Client, fun() -> maps:from_list([{Id, supervisorring:call(?SUP, Id, get)} || Id <- my_sup:ids()]) end)).

join_and_leave(Config) ->
    #{client := Client, first := First} = maps:from_list(Config),
    #{node := Second} = Program = ring_cluster:start_ringnode("call2", proplists:get_value(args, Config)),
    Both = fun() -> in(Client, fun() -> lists:usort([node(supervisorring:whereis_name({?SUP, Id})) || Id <- my_sup:ids()]) end) end,
    eventually(fun() -> catch Both() end, lists:sort([First, Second]), 20000),
    {0, _} = ring_cluster:command(["leave", "--name", atom_to_list(Second), "--cookie-file", ring_cluster:cookie_file()]),
    _ = ring_cluster:await_exit(Program, 20000),
    ok.

count(Seed, Counts, Failures) ->
    receive
        {tally, From} -> From ! {self(), {Counts, Failures}}
    after 0 ->
        Id = lists:nth(1 + Seed rem 12, my_sup:ids()),
        try supervisorring:call(?SUP, Id, increment, 10000) of
            _ -> count(Seed + 7, maps:update_with(Id, fun(N) -> N + 1 end, 1, Counts), Failures)
        catch
            Class:Why -> count(Seed + 7, Counts, [{Id, Class, Why} | Failures])
        end
    end.

tally(Caller) ->
    Caller ! {tally, self()},
    receive
        {Caller, Said} -> Said
    after 20000 -> {#{}, [no_tally]}
    end.
