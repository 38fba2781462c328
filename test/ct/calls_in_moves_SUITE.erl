%% Calls and casts by {Sup, Id} to children on BEAMs that move, with migrate/3, while members join
%% and leave: each answered call is in the state once, each cast has come once and in order.
%%
%% MOVE_SECONDS=300 is the long form.
-module(calls_in_moves_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([nothing_is_lost_while_members_join_and_leave/1, nothing_is_lost_when_a_c_node_gives_its_children_to_beams/1]).

-import(ring_cluster, [in/2, eventually/2, eventually/3]).

-define(SUP, move_sup).
-define(IDS, move_child:ids(40)).

suite() ->
    [{timetrap, {seconds, 120}}].

all() ->
    [nothing_is_lost_while_members_join_and_leave, nothing_is_lost_when_a_c_node_gives_its_children_to_beams].

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

%% Children in C++ that become BEAM children, by migrate/3, while they are called by {Sup, Id} and by pid: a call that is open, or comes while migrate/3 runs, is answered by the new copy.
nothing_is_lost_when_a_c_node_gives_its_children_to_beams(_Config) ->
    Sup = my_sup:name(),
    [#{node := First} = One, _] = Members = dropin_kit:members(["given1", "given2"]),
    [in(M, fun() ->
         {ok, Pid} = supervisorring:start_link({local, Sup}, conflict_sup, []),
         unlink(Pid)
     end) || M <- Members],
    file:del_dir_r(ring_cluster:data_dir("given_cpp")),
    _ = ring_cluster:start_ringnode("given_cpp", ["--join", atom_to_list(First), "--supervisor", lists:flatten(io_lib:format("~p=conflict_sup@~s", [Sup, First]))]),
    Cpp = ring_cluster:node_name("given_cpp"),
    Nodes = [Cpp | [Node || #{node := Node} <- Members]],
    There = fun() -> in(One, fun() -> length([Pid || {_, Pid, _, _} <- supervisor:which_children({Sup, Cpp}), is_pid(Pid)]) end) end,
    Settled = fun() -> eventually(fun() -> in(One, fun() -> once(Sup, Nodes) end) end, [], 30000) end,
    eventually(fun() -> There() > 0 end, 30000),
    Settled(),
    Client = client(Members),
    Expected = lists:foldl(fun(_Round, Before) ->
        Loads = [{Node, in(Node, fun() -> [spawn(fun() -> counting(Sup, How, #{}, []) end) || How <- [id, id, {pid, Cpp}]] end)} || Node <- [Client | Members]],
        timer:sleep(200),
        ?assertEqual(ok, in(One, fun() -> supervisorring:drain([{node, Cpp}]) end)),
        eventually(There, 0, 30000),
        timer:sleep(200),
        Said = [in(Node, fun() -> move_child:stop_load(Pids) end) || {Node, Pids} <- Loads],
        ?assertEqual([], [Failure || {_, _, Failed} <- Said, Failure <- Failed]),
        Done = lists:foldl(fun({Counts, _, _}, Acc) -> maps:merge_with(fun(_, A, B) -> A + B end, Counts, Acc) end, Before, Said),
        ?assertEqual(Done, in(One, fun() -> maps:from_list([{Id, supervisorring:call(Sup, Id, get)} || Id <- maps:keys(Done)]) end)),
        ?assertEqual(ok, in(One, fun() -> supervisorring:uncordon([{node, Cpp}]) end)),
        Settled(),
        Done
    end, #{}, [1, 2, 3]),
    ct:pal("~b calls", [lists:sum(maps:values(Expected))]),
    ?assertEqual(Expected, in(One, fun() -> maps:from_list([{Id, supervisorring:call(Sup, Id, get)} || Id <- maps:keys(Expected)]) end)).

%% Ids that do not run once, on the member that this one names.
once(Sup, Nodes) ->
    Running = [{Id, Node} || Node <- Nodes, {Id, Pid, _, _} <- supervisor:which_children({Sup, Node}), is_pid(Pid)],
    [Id || Id <- my_sup:ids(), [Node || {Of, Node} <- Running, Of =:= Id] =/= [supervisorring:find(Sup, Id)]].

%% By pid: a copy that has gone is looked for again; a call that was taken by a copy that goes is answered all the same.
counting(Sup, How, Counts, Failed) ->
    receive
        {stop, From} -> From ! {self(), {Counts, #{}, Failed}}
    after 1 ->
        Id = lists:nth(rand:uniform(12), my_sup:ids()),
        try increment(Sup, Id, How) of
            _ -> counting(Sup, How, maps:update_with(Id, fun(N) -> N + 1 end, 1, Counts), Failed)
        catch
            exit:{noproc, _} when How =/= id -> counting(Sup, How, Counts, Failed);
            exit:{{shutdown, {moved, _}}, _} when How =/= id -> counting(Sup, How, Counts, Failed);
            Class:Reason -> counting(Sup, How, Counts, [{Id, How, Class, Reason} | Failed])
        end
    end.

increment(Sup, Id, id) ->
    supervisorring:call(Sup, Id, increment, 20000);
increment(Sup, Id, {pid, Node}) ->
    case supervisorring:whereis_name({Sup, Id}) of
        Pid when is_pid(Pid), node(Pid) =:= Node -> gen_server:call(Pid, increment, 20000);
        _ -> exit({noproc, Id})
    end.

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
