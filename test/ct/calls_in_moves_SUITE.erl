%% Calls and casts by {Sup, Id} to children on BEAMs that move, with migrate/3, while members join
%% and leave: each answered call is in the state once, each cast has come once and in order.
%%
%% MOVE_SECONDS=300 is the long form.
-module(calls_in_moves_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([nothing_is_lost_while_members_join_and_leave/1]).

-import(ring_cluster, [in/2, eventually/2, eventually/3]).

-define(SUP, move_sup).
-define(IDS, move_child:ids(40)).

suite() ->
    [{timetrap, {seconds, 120}}].

all() ->
    [nothing_is_lost_while_members_join_and_leave].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(_Case, Config) ->
    dropin_kit:begin_case(Config).

end_per_testcase(_Case, Config) ->
    dropin_kit:end_case(Config).

nothing_is_lost_while_members_join_and_leave(_Config) ->
    Seconds = list_to_integer(os:getenv("MOVE_SECONDS", "12")),
    ct:timetrap({seconds, 90 + 2 * Seconds}),
    [One, Two] = Members = dropin_kit:members(["moves1", "moves2"]),
    [{ok, _} = in(M, fun() -> move_child:start(?SUP, ?IDS) end) || M <- Members],
    await_each_once(Members),
    Client = client(Members),
    Loads = [{Node, in(Node, fun() -> move_child:load(?SUP, ?IDS, Callers, 1) end)} || {Node, Callers} <- [{One, 4}, {Two, 4}, {Client, 2}]],
    Until = erlang:monotonic_time(second) + Seconds,
    Moves = join_and_leave(Members, Until, 0),
    Said = [in(Node, fun() -> move_child:stop_load(Pids) end) || {Node, Pids} <- Loads],
    {Calls, Casts, Failures} = lists:foldl(fun({C1, K1, F1}, {C, K, F}) ->
        {maps:merge_with(fun(_, A, B) -> A + B end, C1, C), maps:merge(K1, K), F1 ++ F} end, {#{}, #{}, []}, Said),
    ct:pal("~b children moved, ~b calls, ~b casts; failed: ~p",
           [Moves, lists:sum(maps:values(Calls)), lists:sum(maps:values(Casts)), Failures]),
    ?assertEqual([], Failures),
    ?assert(Moves > 0),
    Counts = in(One, fun() -> move_child:tallies(?SUP, ?IDS) end),
    ?assertEqual([], [{Id, Disorder} || {Id, #{disorder := [_ | _] = Disorder}} <- Counts]),
    ?assertEqual(Calls, maps:from_list([{Id, Count} || {Id, #{count := Count}} <- Counts])),
    ?assertEqual(Casts, maps:from_list([{{Caller, Id}, Seq} || {Id, #{casts := Came}} <- Counts, {Caller, Seq} <- maps:to_list(Came)])).

client(Members) ->
    Nodes = [Node || #{node := Node} <- Members],
    Client = ring_cluster:start_beam("moves_client"),
    in(Client, fun() ->
        _ = application:load(supervisorring),
        application:set_env(supervisorring, members, Nodes)
    end),
    Client.

%% A third member comes and goes; how many children moved.
join_and_leave([#{node := First} | _] = Members, Until, Moved) ->
    case erlang:monotonic_time(second) >= Until andalso Moved > 0 of
        true ->
            Moved;
        false ->
            file:del_dir_r(ring_cluster:data_dir("moves3")),
            Third = ring_cluster:start_dropin("moves3", #{join => [First]}),
            eventually(fun() -> in(Third, fun ring_cluster:is_ready/0) end, 10000),
            {ok, _} = in(Third, fun() -> move_child:start(?SUP, ?IDS) end),
            dropin_kit:await_up([Third | Members]),
            await_each_once([Third | Members]),
            Here = in(Third, fun() -> length([Pid || {_, Pid, _, _} <- supervisor:which_children(?SUP), is_pid(Pid)]) end),
            ok = in(Third, fun() -> supervisorring:leave() end),
            await_each_once(Members),
            ring_cluster:stop_beam(Third),
            join_and_leave(Members, Until, Moved + 2 * Here)
    end.

await_each_once([Asked | _] = Members) ->
    Nodes = [Node || #{node := Node} <- Members],
    eventually(fun() -> in(Asked, fun() ->
        Running = lists:sort([{Id, Node} || Node <- Nodes, {Id, Pid, _, _} <- supervisor:which_children({?SUP, Node}), is_pid(Pid)]),
        Owned = lists:sort([{Id, supervisorring:find(?SUP, Id)} || Id <- ?IDS]),
        {Running -- Owned, Owned -- Running}
    end) end, {[], []}, 30000).
