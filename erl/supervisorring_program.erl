%% The program as a process of the operating system: started as a port, killed by its pid,
%% and when the next one is due.
%%
%% The first successor is started at once; after three lives of less than a second, or when
%% the program cannot be started or refuses, they are spaced.
-module(supervisorring_program).

-export([open/0, close/2, kill/1]).
-export([short_lives/3, short_lives/0, back_off/1, describe/1, announce/1]).

-type reason() :: {exit_status, integer()} | {cannot_start, file:filename_all(), term()}
                | {refused, Why :: term()} | {halt, Status :: integer(), Why :: term()} | term().
-export_type([reason/0]).

-define(SHORT_LIFE_MS, 1000).
-define(SHORT_LIVES, 3).
-define(FIRST_BACK_OFF_MS, 100).
-define(MAX_BACK_OFF_MS, 5000).

%% Starts the program of the configuration, as a port of the caller.
-spec open() -> {ok, port(), OsPid :: non_neg_integer()} | {error, reason()}.
open() ->
    open(supervisorring_config:program()).

open(Program) ->
    try open_port({spawn_executable, Program},
                  [{args, supervisorring_config:program_args()}, {packet, 4}, binary, exit_status,
                   use_stdio]) of
        Port ->
            case erlang:port_info(Port, os_pid) of
                {os_pid, OsPid} -> {ok, Port, OsPid};
                undefined -> {error, ended_at_once}
            end
    catch
        error:Reason -> {error, {cannot_start, Program, Reason}}
    end.

%% Closes the port, which the program takes for its end, and kills what does not see that.
-spec close(port() | undefined, OsPid :: non_neg_integer() | undefined) -> ok.
close(Port, OsPid) ->
    _ = (catch port_close(Port)),
    kill(OsPid).

%% By its operating system's pid: a stopped program does not see its input close.
-spec kill(OsPid :: non_neg_integer() | undefined) -> ok.
kill(undefined) ->
    ok;
kill(OsPid) ->
    _ = os:cmd("kill -KILL " ++ integer_to_list(OsPid) ++ " 2>/dev/null"),
    ok.

%% How many lives in a row were short, the one that has just ended included.
-spec short_lives(reason(), LivedMs :: integer(), Before :: non_neg_integer()) -> non_neg_integer().
short_lives({cannot_start, _, _}, _Lived, Short) -> max(Short + 1, ?SHORT_LIVES);
short_lives({refused, _}, _Lived, _Short) -> ?SHORT_LIVES + 10;
short_lives({halt, _, _}, _Lived, _Short) -> ?SHORT_LIVES + 10;
short_lives(_Reason, Lived, Short) when Lived < ?SHORT_LIFE_MS -> Short + 1;
short_lives(_Reason, _Lived, _Short) -> 0.

%% From so many short lives in a row on there is something wrong with the program.
-spec short_lives() -> pos_integer().
short_lives() ->
    ?SHORT_LIVES.

%% How long to wait for the next one, in milliseconds.
-spec back_off(ShortLives :: non_neg_integer()) -> non_neg_integer().
back_off(Short) when Short < ?SHORT_LIVES -> 0;
back_off(Short) -> min(?FIRST_BACK_OFF_MS bsl min(Short - ?SHORT_LIVES, 10), ?MAX_BACK_OFF_MS).

%% What has become of a program, for the log.
-spec describe(reason()) -> io_lib:chars() | string().
describe({exit_status, Status}) when Status > 128 ->
    io_lib:format("was ended by signal ~b", [Status - 128]);
describe({exit_status, Status}) ->
    io_lib:format("ended with status ~b", [Status]);
describe({cannot_start, Program, enoent}) ->
    io_lib:format("~ts is not there", [Program]);
describe({cannot_start, Program, eacces}) ->
    io_lib:format("~ts may not be executed", [Program]);
describe({cannot_start, Program, Reason}) ->
    io_lib:format("~ts cannot be started: ~tp", [Program, Reason]);
describe({halt, Status, _Why}) ->
    io_lib:format("ended with status ~b", [Status]);
describe({refused, _Why}) ->
    "has ended";
describe(epipe) ->
    "ended before it read what it was told";
describe(Reason) ->
    io_lib:format("is gone: ~tp", [Reason]).

%% What comes next, for the log.
-spec announce(BackOff :: non_neg_integer()) -> io_lib:chars() | string().
announce(0) -> "a successor is started";
announce(BackOff) -> io_lib:format("a successor is started in ~b ms", [BackOff]).
