%% Membership beside the legacy one: rings of programs and rings of test/legacy members, of 4 and of 16. In turn a member joins the one and the
%% other, until all of them count it, and is killed, until nobody does. And what a merge and an encoding cost a legacy member (the row `cores` has ours).
%%
%% A join is counted from the start of the program; on a BEAM, which runs already, from the start of its applications. Called by bench.erl.
-module(bench_gossip).

-export([rows/0, measure_sets/1]).

-import(bench, [median/1, each/2]).

-define(RUNS, 5).
-define(POLL_MS, 5).
-define(AGREED_WITHIN_MS, 120000).

%% Name and function of each row.
-spec rows() -> [{string(), fun((Dir :: file:filename()) -> ok)}].
rows() ->
    [{"gossip", fun gossip/1}].

gossip(Dir) ->
    Beam = #{node := Node} = start_beam(),
    [begin
         {Merge, Encode} = erpc:call(Node, ?MODULE, measure_sets, [Members], 60000),
         io:format("legacy: gossip merge, ~b members ~.1f us; encode ~.1f us~n", [Members, Merge, Encode])
     end || Members <- [100, 1000]],
    end_of(Beam),
    [agreement(Dir, Members) || Members <- [4, 16]],
    ok.

%% ---- the sets of a legacy member ----------------------------------------------------------------------------------

%% Microseconds: what merging a received gossip and encoding one take, with as many members as that in both sets.
-spec measure_sets(pos_integer()) -> {float(), float()}.
measure_sets(Members) ->
    Names = [list_to_atom(lists:concat(["member", I, "@host", I rem 50, ".example"])) || I <- lists:seq(1, Members)],
    Ring = #{node_set := Set} = maps:from_list([{Key, 'Elixir.LWWElemSet':new(Names)} || Key <- [node_set, up_set]]),
    Received = term_to_binary(Ring),
    Merge = fun() ->
        #{node_set := Nodes, up_set := Up} = binary_to_term(Received),
        {'Elixir.LWWElemSet':union(Set, Nodes), 'Elixir.LWWElemSet':union(Set, Up)}
    end,
    {each_takes(Merge), each_takes(fun() -> term_to_binary(Ring) end)}.

each_takes(Fun) ->
    Times = [element(1, timer:tc(fun() -> [Fun() || _ <- lists:seq(1, 20)] end)) / 20 || _ <- lists:seq(1, 21)],
    median(Times).

%% ---- until all agree ----------------------------------------------------------------------------------------------

agreement(Dir, Members) ->
    Rings = [{Kind, ring(Kind, Dir, Members - 1)} || Kind <- [ours, legacy]],
    Runs = [{Kind, Run} || _ <- lists:seq(1, ?RUNS), {Kind, Ring} <- Rings, Run <- [join_and_kill(Kind, Dir, Ring)]],
    [end_of(Member) || {_, Ring} <- Rings, Member <- Ring],
    tell(join, Members, Runs),
    tell(kill, Members, Runs).

tell(What, Members, Runs) ->
    Of = fun(Kind) -> [maps:get(What, Run) || {Of, Run} <- Runs, Of =:= Kind] end,
    {Ours, Theirs} = {Of(ours), Of(legacy)},
    {Text, Limit} = case What of
        join -> {"joins", 500};
        kill -> {"is killed", 200}
    end,
    io:format("one of ~2b members ~s, until all agree   ~.1f ms (~s)   legacy members ~.1f ms (~s)   ratio ~.3f   (to reach: <= ~b ms)~n",
              [Members, Text, median(Ours), each("~.1f", Ours), median(Theirs), each("~.1f", Theirs),
               median([A / B || {A, B} <- lists:zip(Ours, Theirs)]), Limit]).

%% Members that agree.
ring(Kind, Dir, Count) ->
    Ring = lists:foldl(fun(_, Ring) -> Ring ++ [join(Kind, prepare(Kind, Dir), Ring)] end, [], lists:seq(1, Count)),
    _ = agreed(Ring, Ring),
    Ring.

join_and_kill(Kind, Dir, Ring) ->
    Prepared = prepare(Kind, Dir),
    Start = now_us(),
    New = join(Kind, Prepared, Ring),
    Joined = agreed([New | Ring], [New | Ring]),
    timer:sleep(1000),
    Killed = now_us(),
    end_of(New),
    Gone = agreed(Ring, Ring),
    timer:sleep(1000),
    #{join => (Joined - Start) / 1000, kill => (Gone - Killed) / 1000}.

%% When the last of Asked counted exactly Members up.
agreed(Asked, Members) ->
    Nodes = lists:sort([Node || #{node := Node} <- Members]),
    Self = self(),
    Watchers = [spawn_link(fun() -> Self ! {self(), counted(Node, Nodes)} end) || #{node := Node} <- Asked],
    lists:max([receive {Watcher, At} -> At after ?AGREED_WITHIN_MS -> error({no_agreement, Nodes}) end || Watcher <- Watchers]).

counted(Node, Nodes) ->
    case catch up(gen_server:call({'Elixir.NanoRing', Node}, get_up)) of
        Nodes -> now_us();
        _ -> timer:sleep(?POLL_MS), counted(Node, Nodes)
    end.

%% Of each member the newest change counts.
up(#{add_set := #{map := Adds}, rem_set := #{map := Removes}}) ->
    {Added, Removed} = {newest(Adds), newest(Removes)},
    lists:sort([Member || {Member, Time} <- maps:to_list(Added), maps:get(Member, Removed, Time) =< Time]).

newest(Changes) ->
    maps:fold(fun({Member, Time}, _, All) -> maps:update_with(Member, fun(Other) -> max(Other, Time) end, Time, All) end, #{}, Changes).

%% ---- members ------------------------------------------------------------------------------------------------------

%% What is there before a join begins: of a program its name, of a legacy member the BEAM.
prepare(ours, Dir) ->
    #{name => "gossip" ++ integer_to_list(erlang:unique_integer([positive])), dir => Dir};
prepare(legacy, Dir) ->
    Beam = #{node := Node} = start_beam(),
    _ = [erpc:call(Node, application, load, [Application]) || Application <- [legacy, nano_ring]],
    DataDir = filename:join(Dir, atom_to_list(Node)),
    ok = filelib:ensure_path(DataDir),
    ok = erpc:call(Node, application, set_env, [nano_ring, data_dir, list_to_binary(DataDir)]),
    Beam.

join(ours, #{name := Name, dir := Dir}, Ring) ->
    {_, OsPid} = bench:program(Name, Dir, [], [Other || #{short := Other} <- lists:sublist(Ring, 1)]),
    #{node => list_to_atom(Name ++ "@127.0.0.1"), short => Name, os_pid => integer_to_list(OsPid)};
join(legacy, #{node := Node} = Beam, Ring) ->
    {ok, _} = erpc:call(Node, application, ensure_all_started, [bench:legacy_application()]),
    [ok = erpc:call(Node, 'Elixir.NanoRing', add_node, [Other]) || #{node := Other} <- lists:sublist(Ring, 1)],
    Beam.

start_beam() ->
    Paths = ["-pa" | string:lexemes(os:getenv("BENCH_LEGACY"), ":")],
    {ok, Peer, Node} = peer:start(#{name => peer:random_name("gossip"), host => "127.0.0.1", longnames => true, wait_boot => 60000,
                                    args => ["-setcookie", atom_to_list(erlang:get_cookie()), "-kernel", "prevent_overlapping_partitions", "false",
                                             "-pa", os:getenv("BENCH_EBIN") | Paths]}),
    ok = erpc:call(Node, logger, set_primary_config, [level, none]),
    #{node => Node, peer => Peer, os_pid => erpc:call(Node, os, getpid, [])}.

end_of(#{os_pid := OsPid}) ->
    _ = os:cmd("kill -KILL " ++ OsPid),
    ok.

now_us() ->
    erlang:monotonic_time(microsecond).
