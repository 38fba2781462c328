%% Reads child specifications, tuples and maps, that a supervisor has checked already.
-module(supervisorring_spec).

-export([id/1, start/1, shutdown/1]).

%% The child's id.
-spec id(supervisor:child_spec()) -> term().
id({Id, _Start, _Restart, _Shutdown, _Type, _Modules}) -> Id;
id(#{id := Id}) -> Id.

%% The function that starts the child.
-spec start(supervisor:child_spec()) -> {module(), atom(), [term()]}.
start({_Id, Start, _Restart, _Shutdown, _Type, _Modules}) -> Start;
start(#{start := {_, _, _} = Start}) -> Start;
start(#{start := Module}) -> {Module, start_link, []}.

%% How the child is stopped; OTP's defaults where a map does not say it.
-spec shutdown(supervisor:child_spec()) -> brutal_kill | timeout().
shutdown({_Id, _Start, _Restart, Shutdown, _Type, _Modules}) -> Shutdown;
shutdown(#{shutdown := Shutdown}) -> Shutdown;
shutdown(#{type := supervisor}) -> infinity;
shutdown(#{}) -> 5000.
