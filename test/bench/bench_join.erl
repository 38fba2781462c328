%% The benchmark of a join: 10,000 BEAM children on two members, a third comes; a third of the children moves to it, with migrate/3. Our members and
%% legacy members (test/legacy) in turns, three times. Called by bench.erl.
%%
%% The third member has been in the ring before and was stopped: it knows the others by its ring file. The time is from before its application starts, in a BEAM that runs, until
%% each member runs its own share and no more. Afterwards each child must run once and have the state that it was given before.
-module(bench_join).
-behaviour(gen_server).

-export([rows/0]).
-export([begin_member/1, supervise/0, mark/0, await_share/1, states/0, up/0]).
-export([init/1, migrate/3, match/1, get_all/0, add/1, del/1, start_child/1, handle_call/3, handle_cast/2]).

-define(SUP, 'Elixir.BenchJoinSup').
-define(CHILDREN, 10000).
-define(RUNS, 3).

-spec rows() -> [{string(), fun((Dir :: file:filename()) -> ok)}].
rows() ->
    [{"join", fun join/1}].

join(Dir) ->
    Runs = [[{Kind, join_once(Kind, Dir)} || Kind <- [drop_in, legacy]] || _ <- lists:seq(1, ?RUNS)],
    Ours = times(drop_in, Runs),
    Theirs = times(legacy, Runs),
    io:format("a third member joins, ~b BEAM children   ~.1f ms (~s)~n", [?CHILDREN, bench:median(Ours), bench:each("~.1f", Ours)]),
    io:format("    among legacy members: ~.1f ms (~s), ratio ~.2f   (to reach: <= 0.7)~n",
              [bench:median(Theirs), bench:each("~.1f", Theirs), bench:median([A / B || {A, B} <- lists:zip(Ours, Theirs)])]),
    [] = [Lost || {drop_in, {_, Lost}} <- lists:append(Runs), Lost > 0],
    ok.

times(Kind, Runs) ->
    [Time || Run <- Runs, {K, {Time, _}} <- Run, K =:= Kind].

%% Milliseconds, and how many children were lost, ran twice or had lost their state.
join_once(Kind, Dir) ->
    Data = filename:join(Dir, "join" ++ integer_to_list(erlang:unique_integer([positive]))),
    [A, B, C] = Nodes = [list_to_atom("join_" ++ Name ++ "@127.0.0.1") || Name <- ["a", "b", "c"]],
    Peers = [{_, _}, {_, _}, {PeerC, C}] = [start(Kind, Node) || Node <- Nodes],
    [begin_there(Kind, Node, Data) || Node <- Nodes],
    [begin
         ok = erpc:call(A, 'Elixir.NanoRing', add_node, [Other]),
         [bench:await(fun() -> erpc:call(Node, ?MODULE, up, []) =:= Count end) || Node <- lists:sublist(Nodes, Count)]
     end || {Count, Other} <- [{2, B}, {3, C}]],
    peer:stop(PeerC),
    [bench:await(fun() -> erpc:call(Node, ?MODULE, up, []) =:= 2 end) || Node <- [A, B]],
    [ok = erpc:call(Node, ?MODULE, supervise, []) || Node <- [A, B]],
    await_shares(shares([A, B])),
    [ok = erpc:call(Node, ?MODULE, mark, []) || Node <- [A, B]],
    {Again, C} = start(Kind, C),
    Shares = shares(Nodes),
    Start = erlang:monotonic_time(microsecond),
    begin_there(Kind, C, Data),
    ok = erpc:call(C, ?MODULE, supervise, []),
    await_shares(Shares),
    Took = (erlang:monotonic_time(microsecond) - Start) / 1000,
    States = lists:append([erpc:call(Node, ?MODULE, states, [], 60000) || Node <- Nodes]),
    Good = [Id || {Id, {marked, Id}} <- lists:usort(States)],
    Lost = ?CHILDREN - length(Good) + length(States) - length(Good),
    io:format("    ~-10w ~8.1f ms, ~b of ~b children ran on once and with their state~n", [Kind, Took, length(Good), ?CHILDREN]),
    [peer:stop(Peer) || {Peer, _} <- [{Again, C} | lists:droplast(Peers)]],
    {Took, Lost}.

%% How many children each of the nodes owns when these are up.
shares(Nodes) ->
    ets:whereis(supervisorring_ring) =:= undefined andalso supervisorring_ring:new(),
    ok = supervisorring_ring:put(#{up => Nodes, nodes => Nodes, format => 25, settled => true, node_set => [], up_set => []}),
    Owners = [supervisorring_ring:owner(?SUP, Id) || Id <- lists:seq(1, ?CHILDREN)],
    ok = supervisorring_ring:clear(),
    [{Node, length([Owner || Owner <- Owners, Owner =:= Node])} || Node <- Nodes].

await_shares(Shares) ->
    Requests = [erpc:send_request(Node, ?MODULE, await_share, [Share]) || {Node, Share} <- Shares],
    [ok = erpc:receive_response(Request, 120000) || Request <- Requests].

%% ---- BEAMs ---------------------------------------------------------------------------------------------------------

start(Kind, Node) ->
    [Name, Host] = string:lexemes(atom_to_list(Node), "@"),
    {ok, Peer, Node} = peer:start(#{name => Name, host => Host, longnames => true,
                                    args => ["-setcookie", atom_to_list(erlang:get_cookie()), "-pa", os:getenv("BENCH_JOIN_EBIN") | paths(Kind)]}),
    ok = erpc:call(Node, logger, set_primary_config, [level, none]),
    {Peer, Node}.

paths(drop_in) -> ["-pa", os:getenv("BENCH_EBIN")];
paths(legacy) -> ["-pa" | string:lexemes(os:getenv("BENCH_LEGACY"), ":")].

begin_there(Kind, Node, Data) ->
    Folder = filename:join(Data, atom_to_list(Node)),
    ok = filelib:ensure_path(Folder),
    ok = erpc:call(Node, ?MODULE, begin_member, [environment(Kind, Folder)], 30000),
    Kind =:= drop_in andalso bench:await(fun() -> maps:get(ready, erpc:call(Node, supervisorring_port, program, [])) end),
    ok.

environment(drop_in, Folder) ->
    {ok, [Application]} = file:consult(os:getenv("BENCH_APPLICATION")),
    {Application, supervisorring, [{supervisorring, [{program, os:getenv("BENCH_RINGNODE")}, {data_dir, Folder}, {log_level, warning}]}]};
environment(legacy, Folder) ->
    {none, bench:legacy_application(), [{nano_ring, [{data_dir, list_to_binary(Folder)}]}]}.

%% ---- on a member ---------------------------------------------------------------------------------------------------

begin_member({Application, Name, Environment}) ->
    Application =:= none orelse application:load(Application),
    _ = application:load(nano_ring),  % of the originals, which has a data_dir of its own
    [ok = application:set_env(App, Key, Value) || {App, Values} <- Environment, {Key, Value} <- Values],
    {ok, _} = application:ensure_all_started(Name),
    ok.

%% Not linked to who asks.
supervise() ->
    Self = self(),
    spawn(fun() ->
        process_flag(trap_exit, true),
        {ok, _} = supervisorring:start_link({local, ?SUP}, ?MODULE, children),
        Self ! started,
        receive stop -> ok end
    end),
    receive started -> ok end.

await_share(Share) ->
    bench:await(fun() -> proplists:get_value(active, supervisor:count_children(?SUP)) =:= Share end, 20, 100000).

up() ->
    case code:which(supervisorring_ring) of
        non_existing -> length('Elixir.Enum':to_list('Elixir.NanoRing':up()));
        _ -> length(supervisorring_ring:up())
    end.

mark() ->
    [ok = gen_server:call(Pid, {set, {marked, Id}}) || {Id, Pid, _, _} <- supervisor:which_children(?SUP)],
    ok.

states() ->
    [{Id, gen_server:call(Pid, get)} || {Id, Pid, _, _} <- supervisor:which_children(?SUP)].

%% ---- the supervisor and its children -------------------------------------------------------------------------------

init(children) ->
    {ok, {{one_for_one, 10, 5}, [{Id, {?MODULE, start_child, [Id]}, permanent, 2000, worker, [?MODULE]} || Id <- lists:seq(1, ?CHILDREN)]}};
init({child, Id}) ->
    {ok, {fresh, Id}}.

migrate(_Child, Old, New) ->
    gen_server:call(New, {set, gen_server:call(Old, get)}).

match(_Id) -> true.
get_all() -> [].
add(_Spec) -> ok.
del(_Id) -> ok.

start_child(Id) ->
    gen_server:start_link(?MODULE, {child, Id}, []).

handle_call({set, State}, _From, _State) -> {reply, ok, State};
handle_call(get, _From, State) -> {reply, State, State}.
handle_cast(_Request, State) -> {noreply, State}.
