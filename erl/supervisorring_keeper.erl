%% The OTP parent of one child.
%%
%% Runs the start function of the child's specification as OTP's supervisor does, with all
%% of its results; reports how that went and, once, how the child ended; and sends the
%% child the exit signals that the program orders. It decides nothing. An order of a
%% program that has been replaced is not carried out.
%%
%% When the supervisor's tree stops it ends the child by itself, as the child's
%% specification says. When its supervisor is killed it ends too, and the child gets the
%% exit signal of its parent.
-module(supervisorring_keeper).

-include("supervisorring.hrl").

-export([start_link/2, go/1, exit_child/4, stop/2]).
-export([init/3, loop/1]).

-record(keeper, {key :: supervisorring_estate:key(), parent :: pid(), pid :: pid()}).

%% Starts the keeper of a child whose row is in the estate; called by its supervisor.
-spec start_link(supervisorring_estate:child(), pid()) -> pid().
start_link(#child{key = Key, spec = Spec, token = Token, generation = Generation}, Parent) ->
    {Module, Function, Args} = supervisorring_spec:start(Spec),
    proc_lib:spawn_link(?MODULE, init, [{Key, Generation, Token}, Parent, {Module, Function, Args}]).

%% Lets the keeper begin, once its pid stands in the child's row.
-spec go(Keeper :: pid()) -> ok.
go(Keeper) ->
    Keeper ! {?ORDER, go},
    ok.

%% Has the keeper send its child an exit signal, ordered by the program of that generation.
-spec exit_child(Keeper :: pid(), Generation :: pos_integer(), Child :: pid(), Reason :: term()) ->
          ok.
exit_child(Keeper, Generation, Pid, Reason) ->
    Keeper ! {?ORDER, {exit_child, Generation, Pid, Reason}},
    ok.

%% Has the keeper end its child without the program; the keeper ends when that is done.
-spec stop(Keeper :: pid(), supervisorring_estate:child()) -> ok.
stop(Keeper, #child{spec = Spec}) ->
    Keeper ! {?ORDER, {stop, Spec}},
    ok.

%% Runs in the keeper's process.
-spec init({supervisorring_estate:key(), pos_integer(), integer()}, pid(),
           {module(), atom(), [term()]}) -> no_return().
init({Key, Generation, Token}, Parent, Start) ->
    receive {?ORDER, go} -> ok end,
    process_flag(trap_exit, true),
    Result = start(Start),
    case Result of
        {ok, Pid} -> supervisorring_estate:started(Key, Pid);
        {ok, Pid, _Info} -> supervisorring_estate:started(Key, Pid);
        ignore -> Pid = none, supervisorring_estate:failed(Key, Token, ignore);
        {error, Reason} -> Pid = none, supervisorring_estate:failed(Key, Token, Reason)
    end,
    supervisorring_inbox:child_started(Key, Generation, Token, Result),
    case Pid of
        none -> ok;
        _ -> proc_lib:hibernate(?MODULE, loop, [#keeper{key = Key, parent = Parent, pid = Pid}])
    end.

%% As supervisor:do_start_child_i/3: whatever else comes back is an error.
start({Module, Function, Args}) ->
    case catch apply(Module, Function, Args) of
        {ok, Pid} when is_pid(Pid) -> {ok, Pid};
        {ok, Pid, Info} when is_pid(Pid) -> {ok, Pid, Info};
        ignore -> ignore;
        {error, Reason} -> {error, Reason};
        What -> {error, What}
    end.

%% Exported for proc_lib:hibernate/3.
-spec loop(#keeper{}) -> ok | no_return().
loop(#keeper{pid = Pid, parent = Parent} = Keeper) ->
    receive
        {'EXIT', Pid, Reason} ->
            exited(Keeper, Reason);
        {'DOWN', _Monitor, process, Pid, Reason} ->
            exited(Keeper, Reason);
        {?ORDER, {exit_child, Generation, Pid, Reason}} ->
            obey(Keeper, Generation, Reason),
            loop(Keeper);
        {?ORDER, {stop, Spec}} ->
            stop_child(Keeper, Spec);
        {'EXIT', Parent, Reason} ->
            exit(Reason);
        _Other ->
            loop(Keeper)
    end.

%% A child that has unlinked itself from its parent is still seen to end: by the monitor.
obey(#keeper{pid = Pid}, Generation, Reason) ->
    case supervisorring_estate:get(generation, 0) of
        Current when Generation >= Current ->
            _ = erlang:monitor(process, Pid),
            exit(Pid, Reason);
        _ ->
            ok
    end.

exited(#keeper{key = Key, pid = Pid}, Reason) ->
    supervisorring_estate:exited(Key, Reason),
    supervisorring_inbox:child_exited(Key, Pid).

%% As supervisor:shutdown/1.
stop_child(#keeper{key = Key, pid = Pid}, Spec) ->
    Monitor = erlang:monitor(process, Pid),
    Shutdown = supervisorring_spec:shutdown(Spec),
    exit(Pid, case Shutdown of brutal_kill -> kill; _ -> shutdown end),
    Reason = receive
                 {'DOWN', Monitor, process, Pid, Ended} -> Ended
             after timeout(Shutdown) ->
                 exit(Pid, kill),
                 receive {'DOWN', Monitor, process, Pid, Ended} -> Ended end
             end,
    report(Key, Pid, Spec, Shutdown, Reason).

timeout(brutal_kill) -> infinity;
timeout(Shutdown) -> Shutdown.

%% What OTP's supervisor reports as shutdown_error.
report(_Key, _Pid, _Spec, brutal_kill, killed) -> ok;
report(_Key, _Pid, _Spec, _Shutdown, normal) -> ok;
report(_Key, _Pid, _Spec, _Shutdown, shutdown) -> ok;
report(_Key, _Pid, _Spec, _Shutdown, {shutdown, _}) -> ok;
report(_Key, _Pid, _Spec, _Shutdown, noproc) -> ok;
report({Sup, Id}, Pid, Spec, _Shutdown, Reason) ->
    logger:error(#{label => {supervisor, shutdown_error},
                   report => [{supervisor, {local, Sup}}, {errorContext, shutdown_error},
                              {reason, Reason},
                              {offender, [{pid, Pid}, {id, Id},
                                          {mfargs, supervisorring_spec:start(Spec)}]}]},
                 #{domain => [supervisorring, otp, sasl],
                   report_cb => fun supervisor:format_log/1,
                   error_logger => #{tag => error_report, type => supervisor_report}}).
