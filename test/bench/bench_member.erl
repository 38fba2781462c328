%% The benchmarks of a BEAM member: its children are started, restarted and taken over by the program, beside the same children under OTP's supervisor.
%%
%% Each row has a BEAM of its own (peer), with the program beside it, and measures there. Called by bench.erl.
-module(bench_member).
-behaviour(gen_server).

-export([rows/0]).
-export([prepare/0, measure_start/1, measure_crash/1, measure_adoption/1, measure_memory/1]).
-export([init/1, start_child/0, handle_call/3, handle_cast/2]).

-define(RING_SUP, 'Elixir.BenchRingSup').
-define(OTP_SUP, bench_otp_sup).
-define(STARTS, 5).
-define(CHILDREN, 10000).
-define(CRASHES, 200).
-define(KILLS, 50).

%% Name and function of each row.
-spec rows() -> [{string(), fun((Dir :: file:filename()) -> ok)}].
rows() ->
    [{"start", fun start/1}, {"crash", fun crash/1}, {"adopt", fun adopt/1}, {"memory", fun memory/1}].

%% ---- 10,000 children started ---------------------------------------------------------------------------------------

start(Dir) ->
    Pairs = on_member(Dir, measure_start, ?CHILDREN),
    {Ours, Theirs} = lists:unzip(Pairs),
    io:format("~b BEAM children started   by the program ~.1f ms (~s)   by OTP's supervisor ~.1f ms (~s)   ratio ~.2f   (to reach: <= 3)~n",
              [?CHILDREN, median(Ours), each("~.1f", Ours), median(Theirs), each("~.1f", Theirs), median([A / B || {A, B} <- Pairs])]).

%% On the member. Milliseconds of each kind, one after the other.
-spec measure_start(pos_integer()) -> [{float(), float()}].
measure_start(Count) ->
    _ = {start_once(ring, Count), start_once(otp, Count)},  % loads code, grows the heap of the runtime
    [{start_once(ring, Count), start_once(otp, Count)} || _ <- lists:seq(1, ?STARTS)].

start_once(Kind, Count) ->
    Before = begun(),
    {Took, Sup} = timed(fun() ->
        Sup = start_supervisor(Kind, Count, 10),
        await(fun() -> begun() - Before =:= Count end),
        Sup
    end),
    stop_supervisor(Sup),
    Took.

%% ---- a child crashes -----------------------------------------------------------------------------------------------

crash(Dir) ->
    {Ours, Theirs} = on_member(Dir, measure_crash, 1000),
    io:format("BEAM child crashed -> running again   ~.3f ms, 9 of 10 within ~.3f   under OTP's supervisor ~.3f ms   (median of ~b, to reach: <= 1 ms)~n",
              [median(Ours), tenth_worst(Ours), median(Theirs), length(Ours)]).

-spec measure_crash(pos_integer()) -> {[float()], [float()]}.
measure_crash(Count) ->
    register(bench_witness, self()),
    {crashes(ring, Count), crashes(otp, Count)}.

crashes(Kind, Count) ->
    Sup = start_supervisor(Kind, Count, 100000),
    await(fun() -> active(Kind) =:= Count end),
    flush(),
    Pids = lists:sublist([Pid || {_, Pid, _, _} <- supervisor:which_children(name(Kind))], ?CRASHES),
    Times = [crash_once(Pid) || Pid <- Pids],
    stop_supervisor(Sup),
    Times.

%% The time that the next child has at its start.
crash_once(Pid) ->
    Before = erlang:monotonic_time(nanosecond),
    exit(Pid, kill),
    receive {started, At} -> ok end,
    timer:sleep(2),
    (At - Before) / 1.0e6.

flush() ->
    receive {started, _} -> flush() after 0 -> ok end.

%% ---- the program is killed -----------------------------------------------------------------------------------------

adopt(Dir) ->
    Times = on_member(Dir, measure_adoption, ?CHILDREN),
    io:format("program killed -> its ~b BEAM children adopted   ~.1f ms, 9 of 10 within ~.1f   (median of ~b, to reach: <= 200 ms)~n",
              [?CHILDREN, median(Times), tenth_worst(Times), length(Times)]).

%% From before the SIGKILL until the successor has answered, by its own table, that all run.
-spec measure_adoption(pos_integer()) -> [float()].
measure_adoption(Count) ->
    Sup = start_supervisor(ring, Count, 10),
    await(fun() -> active(ring) =:= Count end),
    Before = lists:sort(supervisor:which_children(?RING_SUP)),
    Times = [adopt_once(Count) || _ <- lists:seq(1, ?KILLS)],
    Before = lists:sort(supervisor:which_children(?RING_SUP)),
    stop_supervisor(Sup),
    Times.

adopt_once(Count) ->
    %% Three lives of less than a second would delay the next one.
    timer:sleep(1100),
    #{os_pid := OsPid, generation := Generation} = supervisorring_port:program(),
    {Took, Count} = timed(fun() ->
        [] = os:cmd("kill -KILL " ++ integer_to_list(OsPid)),
        active(ring)
    end),
    #{generation := Next} = supervisorring_port:program(),
    true = Next > Generation,
    Took.

%% ---- memory --------------------------------------------------------------------------------------------------------

memory(Dir) ->
    {PerChild, Program, Otp} = on_member(Dir, measure_memory, ?CHILDREN),
    io:format("memory for a BEAM child beside its own   ~.2f KiB in the BEAM   (to reach: <= 4 KiB)   ~.2f KiB in the program   OTP's supervisor ~.2f KiB~n",
              [PerChild / 1024, Program / 1024, Otp / 1024]).

%% Bytes a child: what the BEAM holds more than with the same children of nobody.
-spec measure_memory(pos_integer()) -> {float(), float(), float()}.
measure_memory(Count) ->
    ProgramBefore = resident(),
    _ = beam_growth(fun() -> start_supervisor(ring, Count, 10) end, Count),
    Program = get(program_resident) - ProgramBefore,
    Alone = beam_growth(fun() -> [element(2, {ok, _} = start_child()) || _ <- lists:seq(1, Count)] end, Count),
    Otp = beam_growth(fun() -> start_supervisor(otp, Count, 10) end, Count),
    Ring = beam_growth(fun() -> start_supervisor(ring, Count, 10) end, Count),
    {(Ring - Alone) / Count, Program / Count, (Otp - Alone) / Count}.

beam_growth(Start, Count) ->
    Begun = begun(),
    Processes = erlang:system_info(process_count),
    Before = used(),
    Started = Start(),
    await(fun() -> begun() - Begun =:= Count end),
    timer:sleep(500),
    Growth = used() - Before,
    put(program_resident, resident()),
    case Started of
        Pids when is_list(Pids) -> [begin unlink(Pid), exit(Pid, kill) end || Pid <- Pids];
        Sup -> stop_supervisor(Sup)
    end,
    await(fun() -> erlang:system_info(process_count) =< Processes end),
    Growth.

used() ->
    [erlang:garbage_collect(Pid) || Pid <- processes()],
    erlang:memory(total).

resident() ->
    #{os_pid := OsPid} = supervisorring_port:program(),
    {ok, Status} = file:read_file("/proc/" ++ integer_to_list(OsPid) ++ "/status"),
    {match, [Kilobytes]} = re:run(Status, "VmRSS:\\s+(\\d+)", [{capture, all_but_first, list}]),
    list_to_integer(Kilobytes) * 1024.

%% ---- supervisors and children --------------------------------------------------------------------------------------

start_supervisor(Kind, Count, Intensity) ->
    Self = self(),
    %% Not linked to who measures.
    Owner = spawn(fun() ->
        process_flag(trap_exit, true),
        {ok, Sup} = start_link(Kind, {supervisor, Kind, Count, Intensity}),
        Self ! {self(), started},
        receive stop -> ok end,
        exit(Sup, shutdown),
        receive {'EXIT', Sup, shutdown} -> Self ! {self(), stopped} end
    end),
    receive {Owner, started} -> Owner end.

stop_supervisor(Owner) ->
    Owner ! stop,
    receive {Owner, stopped} -> ok end.

start_link(ring, Args) -> supervisorring:start_link({local, ?RING_SUP}, ?MODULE, Args);
start_link(otp, Args) -> supervisor:start_link({local, ?OTP_SUP}, ?MODULE, Args).

name(ring) -> ?RING_SUP;
name(otp) -> ?OTP_SUP.

active(Kind) ->
    proplists:get_value(active, supervisor:count_children(name(Kind))).

%% What both supervisors, and a child, begin with.
init({supervisor, _Kind, Count, Intensity}) ->
    {ok, {{one_for_one, Intensity, 5},
          [{Id, {?MODULE, start_child, []}, permanent, 2000, worker, [?MODULE]} || Id <- lists:seq(1, Count)]}};
init(child) ->
    process_flag(trap_exit, false),
    counters:add(persistent_term:get(?MODULE), 1, 1),
    _ = (catch bench_witness ! {started, erlang:monotonic_time(nanosecond)}),
    {ok, []}.

start_child() ->
    gen_server:start_link(?MODULE, child, []).

handle_call(_Request, _From, State) -> {reply, ok, State}.
handle_cast(_Request, State) -> {noreply, State}.

%% How many children have been started up to now.
begun() ->
    counters:get(persistent_term:get(?MODULE), 1).

%% ---- the BEAM ------------------------------------------------------------------------------------------------------

on_member(Dir, Function, Argument) ->
    {ok, Peer, Member} = peer:start(#{name => peer:random_name("bench_member"), host => "127.0.0.1", longnames => true,
                                      args => ["-setcookie", atom_to_list(erlang:get_cookie()), "-pa", os:getenv("BENCH_EBIN")]}),
    {ok, [Application]} = file:consult(os:getenv("BENCH_APPLICATION")),
    DataDir = filename:join(Dir, "member" ++ integer_to_list(erlang:unique_integer([positive]))),
    Environment = [{program, os:getenv("BENCH_RINGNODE")}, {data_dir, DataDir}, {log_level, warning}],
    ok = erpc:call(Member, logger, set_primary_config, [level, none]),
    ok = erpc:call(Member, application, load, [Application]),
    [ok = erpc:call(Member, application, set_env, [supervisorring, Key, Value]) || {Key, Value} <- Environment],
    {ok, _} = erpc:call(Member, application, ensure_all_started, [supervisorring]),
    ok = erpc:call(Member, ?MODULE, prepare, []),
    await(fun() -> maps:get(ready, erpc:call(Member, supervisorring_port, program, [])) end),
    Result = erpc:call(Member, ?MODULE, Function, [Argument], 120000),
    peer:stop(Peer),
    Result.

%% On the member: who counts its children.
-spec prepare() -> ok.
prepare() ->
    persistent_term:put(?MODULE, counters:new(1, [])).

%% ---- small things --------------------------------------------------------------------------------------------------

timed(Fun) ->
    Start = erlang:monotonic_time(nanosecond),
    Result = Fun(),
    {(erlang:monotonic_time(nanosecond) - Start) / 1.0e6, Result}.

await(Fun) -> bench:await(Fun).
median(List) -> bench:median(List).
each(Format, List) -> bench:each(Format, List).

tenth_worst(List) -> lists:nth(length(List) * 9 div 10, lists:sort(List)).
