%% Calls and casts to a child by {Sup, Id}, wherever it runs.
%%
%% A request is sent to the copy that runs, and again only when that copy was gone before the
%% request reached it (noproc; {shutdown, {moved, New}}, of one that moved). A child that moves, starts or is restarted is waited for. A native
%% child's old copy keeps what comes while it moves and passes it on, so each request is answered
%% once. A BEAM child that is stopped, by its move too, ends the call as it ends gen_server's.
%%
%% noproc: there is no such child: its owner does not know it, or it has been terminated or has
%% ended for good.
-module(supervisorring_call).

-export([call/4, cast/3]).

-define(FIRST_PAUSE_MS, 10).
-define(LAST_PAUSE_MS, 200).
%% A child that is named, and neither runs nor waits for anything, may be about to be placed.
-define(NO_SIGN_OF_LIFE_MS, 2000).
%% For how long a cast waits for a child that does not run.
-define(CAST_TIMEOUT_MS, 30000).

-spec call(supervisorring:sup(), supervisorring:id(), Request :: term(), timeout()) -> Reply :: term().
call(Sup, Id, Request, Timeout) ->
    try
        attempt(Sup, Id, until(Timeout), fun(Pid, Left) -> gen_server:call(Pid, Request, Left) end)
    catch
        exit:{Reason, {Module, _, _}} when Module =:= gen_server; Module =:= supervisorring ->
            exit({Reason, {supervisorring, call, [Sup, Id, Request, Timeout]}})
    end.

%% A child that does not run is waited for by a process of its own.
-spec cast(supervisorring:sup(), supervisorring:id(), Request :: term()) -> ok.
cast(Sup, Id, Request) ->
    case supervisorring:whereis_name({Sup, Id}) of
        undefined ->
            Cast = fun(Pid, _Left) -> gen_server:cast(Pid, Request) end,
            _ = spawn(fun() -> catch attempt(Sup, Id, until(?CAST_TIMEOUT_MS), Cast) end),
            ok;
        Pid ->
            gen_server:cast(Pid, Request)
    end.

attempt(Sup, Id, Until, Send) ->
    attempt(Sup, Id, Until, Send, ?FIRST_PAUSE_MS, unknown).

%% Idle: since when the child shows no sign of life.
attempt(Sup, Id, Until, Send, Pause, Idle) ->
    case supervisorring:whereis_name({Sup, Id}) of
        undefined ->
            again(Sup, Id, Until, Send, Pause, is_expected(Sup, Id, Idle));
        Pid ->
            try
                Send(Pid, left(Until))
            catch
                exit:{{shutdown, {moved, _New}}, {gen_server, call, [Pid | _]}} ->
                    again(Sup, Id, Until, Send, Pause, unknown);
                exit:{noproc, {gen_server, call, [Pid | _]}} -> again(Sup, Id, Until, Send, Pause, unknown)
            end
    end.

again(_Sup, _Id, _Until, _Send, _Pause, no) ->
    exit({noproc, {supervisorring, call, []}});
again(Sup, Id, Until, Send, Pause, Idle) ->
    case left(Until) of
        0 ->
            exit({timeout, {supervisorring, call, []}});
        Left ->
            timer:sleep(min(Pause, Left)),
            attempt(Sup, Id, Until, Send, min(2 * Pause, ?LAST_PAUSE_MS), Idle)
    end.

%% What the owner says of a child that does not run. An owner that cannot be asked may be on its
%% way out of the ring.
is_expected(Sup, Id, Idle) ->
    Owner = supervisorring:find(Sup, Id),
    try erpc:call(Owner, supervisorring, explain, [Sup, Id], 5000) of
        #{here := terminated, doing := <<>>} -> no;
        #{named := false, here := none, doing := <<>>} -> no;
        #{here := none, doing := <<>>} -> idle(Idle);
        _ -> unknown
    catch
        _:_ -> unknown
    end.

idle(unknown) ->
    erlang:monotonic_time(millisecond);
idle(Since) ->
    case erlang:monotonic_time(millisecond) - Since > ?NO_SIGN_OF_LIFE_MS of
        true -> no;
        false -> Since
    end.

until(infinity) -> infinity;
until(Timeout) -> erlang:monotonic_time(millisecond) + Timeout.

left(infinity) -> infinity;
left(Until) -> max(0, Until - erlang:monotonic_time(millisecond)).
