%% The benchmarks that need a BEAM: calls from a BEAM to a C node beside calls from a BEAM to a BEAM, start-up, take-over; those of a BEAM member are
%% in bench_member.erl, those of membership in bench_gossip.erl. Run by run.sh, the rows that BENCH_ROWS names or all; prints one line a figure. Every comparison is measured side by side: A, B, A, B, ... five times, the
%% median of the pairwise ratios is what is printed.
-module(bench).

-export([main/0, init/1, start_echo/0]).
-export([await/1, await/3, median/1, each/2, program/4, legacy_application/0]).
-export([handle_call/3, handle_cast/2]).

-define(RUNS, 5).
-define(CHILDREN, 2000).  % of two C nodes

%% ---- the supervisor that the C nodes read from this node; the echo server of the BEAM side -------------------------

init({children, N}) ->
    {ok, {{one_for_one, 10, 5}, [spec(I) || I <- lists:seq(1, N)]}};
init(echo) ->
    {ok, 0}.

spec(I) ->
    Name = list_to_atom("b" ++ integer_to_list(I)),
    {Name, {gen_server, start_link, [{local, Name}, 'Elixir.Counter', [], []]}, permanent, 2000, worker, ['Elixir.Counter']}.

start_echo() ->
    {ok, _} = gen_server:start({local, b1}, ?MODULE, echo, []),
    ok.

handle_call(increment, _From, Count) ->
    {reply, Count + 1, Count + 1};
handle_call({find, Sup, Id}, _From, Count) ->
    {reply, supervisorring_ring:owner(Sup, Id), Count}.

handle_cast(_, Count) ->
    {noreply, Count}.

%% ---- set-up ------------------------------------------------------------------------------------------------------

main() ->
    Dir = os:getenv("BENCH_DIR"),
    {ok, _} = net_kernel:start('bench@127.0.0.1', #{name_domain => longnames}),
    {ok, Cookie} = file:read_file(filename:join(Dir, "cookie")),
    erlang:set_cookie(binary_to_atom(Cookie)),
    Rows = [{"find", fun find/1}, {"calls", fun calls/1}, {"startup", fun start_up/1}, {"takeover", fun take_over/1}, {"neighbour", fun neighbour/1}]
        ++ bench_member:rows() ++ bench_gossip:rows() ++ bench_join:rows(),
    Wanted = string:lexemes(os:getenv("BENCH_ROWS", ""), " "),
    try
        [Row(Dir) || {Name, Row} <- Rows, Wanted =:= [] orelse lists:member(Name, Wanted)]
    after
        [kill(Program) || {_, Program} <- get()]
    end,
    halt(0).

program(Name, Dir, Supervisor, Join) ->
    Data = filename:join(Dir, Name ++ integer_to_list(erlang:unique_integer([positive]))),
    Arguments =
        ["run", "--name", Name ++ "@127.0.0.1", "--cookie-file", filename:join(Dir, "cookie"), "--listen", "127.0.0.1",
         "--data-dir", Data, "--workers", os:getenv("BENCH_WORKERS"), "--log-level", "warning"]
        ++ Supervisor
        ++ [Option || To <- Join, Option <- ["--join", To ++ "@127.0.0.1"]],
    Port = open_port({spawn_executable, os:getenv("BENCH_RINGNODE")},
                     [{args, Arguments}, stderr_to_stdout, exit_status]),
    {os_pid, OsPid} = erlang:port_info(Port, os_pid),
    put(Name, {Port, OsPid}),
    {Port, OsPid}.

kill({Port, OsPid}) ->
    os:cmd("kill -9 " ++ integer_to_list(OsPid)),
    receive {Port, {exit_status, _}} -> ok after 2000 -> ok end;
kill(_) ->
    ok.

supervisor_option(N) ->
    ["--supervisor", lists:flatten(io_lib:format("'Elixir.BenchSup'=bench@~s={children,~b}", [node(), N]))].

%% ---- calls ---------------------------------------------------------------------------------------------------------

calls(Dir) ->
    Program = program("bench_cpp", Dir, supervisor_option(1), []),
    C = {b1, 'bench_cpp@127.0.0.1'},
    {ok, Peer, Beam} = peer:start(#{name => bench_beam, host => "127.0.0.1", longnames => true,
                                    args => ["-setcookie", atom_to_list(erlang:get_cookie()), "-pa", os:getenv("BENCH_EBIN")]}),
    ok = erpc:call(Beam, ?MODULE, start_echo, []),
    B = {b1, Beam},
    await(fun() -> is_integer(gen_server:call(C, increment)) end),
    [compare_calls(Callers, C, B) || Callers <- [1, 16, 64, 256]],
    peer:stop(Peer),
    kill(Program).

compare_calls(Callers, C, B) ->
    Pairs = [{throughput(C, Callers, 1000), throughput(B, Callers, 1000)} || _ <- lists:seq(1, ?RUNS)],
    {Ours, Theirs} = lists:unzip(Pairs),
    Ratio = median([X / Y || {X, Y} <- Pairs]),
    io:format("calls, ~3b callers      BEAM -> C node ~8b /s   BEAM -> BEAM ~8b /s   ratio ~.2f~s~n",
              [Callers, round(median(Ours)), round(median(Theirs)), Ratio, limit(Callers)]),
    Callers =:= 1 andalso
        io:format("call round trip         BEAM -> C node ~8.1f us   BEAM -> BEAM ~8.1f us   ratio ~.2f~n",
                  [1.0e6 / median(Ours), 1.0e6 / median(Theirs), 1 / Ratio]).

limit(64) -> "   (to reach: >= 1.0)";
limit(_) -> "".

throughput(Target, Callers, Milliseconds) ->
    Self = self(),
    Stop = erlang:monotonic_time(millisecond) + Milliseconds,
    Pids = [spawn_link(fun() -> Self ! {self(), caller(Target, Stop, 0)} end) || _ <- lists:seq(1, Callers)],
    Total = lists:sum([receive {Pid, Count} -> Count end || Pid <- Pids]),
    Total * 1000 / Milliseconds.

caller(Target, Stop, Count) ->
    case erlang:monotonic_time(millisecond) >= Stop of
        true -> Count;
        false ->
            _ = gen_server:call(Target, increment),
            caller(Target, Stop, Count + 1)
    end.

%% ---- find in the caller's process, beside the same placement behind one gen_server ---------------------------------

find(_Dir) ->
    Sup = 'Elixir.BenchSup',
    Up = [list_to_atom("dev" ++ integer_to_list(I) ++ "@127.0.0.1") || I <- lists:seq(1, 4)],
    ets:whereis(supervisorring_ring) =:= undefined andalso supervisorring_ring:new(),
    ok = supervisorring_ring:put(#{up => Up, nodes => Up, format => 25, settled => true, node_set => [], up_set => []}),
    register(Sup, self()),
    {ok, Server} = gen_server:start_link(?MODULE, echo, []),
    Here = fun(Id) -> supervisorring_ring:find(Sup, Id) end,
    There = fun(Id) -> gen_server:call(Server, {find, Sup, Id}, infinity) end,
    [compare_finds(Callers, Here, There) || Callers <- [1, 32]],
    unregister(Sup),
    ok = supervisorring_ring:clear(),
    gen_server:stop(Server).

compare_finds(Callers, Here, There) ->
    Pairs = [{find_time(Here, Callers), find_time(There, Callers)} || _ <- lists:seq(1, ?RUNS)],
    {Ours, Theirs} = lists:unzip(Pairs),
    io:format("find, ~3b callers      in the caller ~8b /s   one gen_server ~8b /s   ratio ~.2f~s~n",
              [Callers, round(1.0e9 / median(Ours)), round(1.0e9 / median(Theirs)),
               median([Y / X || {X, Y} <- Pairs]),
               case Callers of 1 -> "   (to reach: >= 2.5)"; _ -> "   (to reach: >= 3)" end]).

%% Nanoseconds of wall time a call.
find_time(Find, Callers) ->
    Count = 200000 div Callers,
    Self = self(),
    Start = erlang:monotonic_time(nanosecond),
    Pids = [spawn_link(fun() -> repeat(Find, Count), Self ! {self(), done} end) || _ <- lists:seq(1, Callers)],
    [receive {Pid, done} -> ok end || Pid <- Pids],
    (erlang:monotonic_time(nanosecond) - Start) / (Count * Callers).

repeat(_Find, 0) -> ok;
repeat(Find, Id) ->
    _ = Find(Id),
    repeat(Find, Id - 1).

%% ---- start-up ------------------------------------------------------------------------------------------------------

start_up(Dir) ->
    _ = start_up_once(Dir),  % reads the program from disk
    Times = [start_up_once(Dir) || _ <- lists:seq(1, ?RUNS)],
    io:format("start-up to first call  ~.1f ms (~s)   (to reach: <= 20 ms)~n", [median(Times), each("~.1f", Times)]).

start_up_once(Dir) ->
    Start = erlang:monotonic_time(microsecond),
    Program = program("bench_start", Dir, [], []),
    first_answer('bench_start@127.0.0.1'),
    Took = (erlang:monotonic_time(microsecond) - Start) / 1000,
    kill(Program),
    Took.

first_answer(Node) ->
    case erl_epmd:port_please("bench_start", {127, 0, 0, 1}) of
        {port, _, _} ->
            try gen_server:call({'Elixir.NanoRing', Node}, get_up) of
                #{} -> ok
            catch
                exit:_ -> first_answer(Node)
            end;
        _ ->
            first_answer(Node)
    end.

%% ---- take-over -----------------------------------------------------------------------------------------------------

take_over(Dir) ->
    Results = [take_over_once(Dir) || _ <- lists:seq(1, ?RUNS)],
    {Times, Counts} = lists:unzip(Results),
    io:format("neighbour killed -> its children run here   ~.1f ms (~s) for ~s children   (to reach: <= 300 ms)~n",
              [median(Times), each("~.1f", Times), each("~b", Counts)]).

take_over_once(Dir) ->
    A = program("bench_a", Dir, supervisor_option(?CHILDREN), []),
    Result = lose_neighbour(Dir),
    kill(A),
    Result.

%% ---- a neighbour is killed, again and again ------------------------------------------------------------------------

%% BENCH_KILLS: how often.
neighbour(Dir) ->
    Kills = list_to_integer(os:getenv("BENCH_KILLS", "10")),
    A = program("bench_a", Dir, supervisor_option(?CHILDREN), []),
    Results = [lose_neighbour(Dir) || _ <- lists:seq(1, Kills)],
    kill(A),
    {Times, Shares} = lists:unzip(Results),
    Sorted = lists:sort(Times),
    At = fun(Part) -> lists:nth(max(1, ceil(Part * length(Sorted))), Sorted) end,
    io:format("neighbour killed, ~b times   its ~b children run here after ~.1f ms at least, ~.1f median, ~.1f 9 of 10, ~.1f at most~n"
              "    within 100 ms: ~b of ~b   (to reach: 49 of 50)~n",
              [Kills, median(Shares), hd(Sorted), median(Sorted), At(0.9), lists:last(Sorted), length([T || T <- Times, T =< 100]), Kills]).

%% Milliseconds, and how many children the neighbour had. The program bench_a runs.
lose_neighbour(Dir) ->
    {_, OsPid} = B = program("bench_b", Dir, supervisor_option(?CHILDREN), ["bench_a"]),
    Here = 'bench_a@127.0.0.1',
    Lost = settled_share(Here, 'bench_b@127.0.0.1', ?CHILDREN, -1),
    Start = erlang:monotonic_time(microsecond),
    os:cmd("kill -9 " ++ integer_to_list(OsPid)),
    await(fun() -> active(Here) =:= ?CHILDREN end),
    Took = (erlang:monotonic_time(microsecond) - Start) / 1000,
    kill(B),
    {Took, Lost}.

%% The children at There, once they are the same number for half a second and none is on its way.
settled_share(Here, There, Children, Before) ->
    await(fun() -> active(There) > 0 andalso active(Here) + active(There) =:= Children end),
    case active(There) of
        Before -> Before;
        Now ->
            timer:sleep(500),
            settled_share(Here, There, Children, Now)
    end.

active(Node) ->
    proplists:get_value(active, gen_server:call({'Elixir.BenchSup', Node}, count_children)).

%% ---- small things --------------------------------------------------------------------------------------------------

await(Fun) -> await(Fun, 1, 20000).

%% Looks every Pause milliseconds.
await(Fun, Pause, Limit) -> await_until(Fun, Pause, erlang:monotonic_time(millisecond) + Limit).

await_until(Fun, Pause, Deadline) ->
    Done = try Fun() catch exit:_ -> false end,
    case Done of
        true -> ok;
        false ->
            erlang:monotonic_time(millisecond) < Deadline orelse error(waited_too_long),
            timer:sleep(Pause),
            await_until(Fun, Pause, Deadline)
    end.

%% What runs on a legacy member: test/legacy, or the originals (LEGACY_EBINS, HACKING.md).
legacy_application() ->
    case os:getenv("LEGACY_EBINS", "") of
        "" -> legacy;
        _ -> supervisorring
    end.

median(List) -> lists:nth((length(List) + 1) div 2, lists:sort(List)).

each(Format, List) -> lists:join(" ", [io_lib:format(Format, [X]) || X <- List]).
