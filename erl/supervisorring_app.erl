%% The application: a member of the ring, or a client of its members
%% (supervisorring_config:role/0).
-module(supervisorring_app).
-behaviour(application).

-export([start/2, prep_stop/1, stop/1]).

%% Telling the others, behind handing children over.
-define(TELL_TIMEOUT_MS, 5000).

%% Starts the tree of processes.
-spec start(application:start_type(), term()) -> {ok, pid()} | {error, term()}.
start(_Type, _Args) ->
    supervisorring_sup:start_link(supervisorring_config:role()).

%% A member leaves before it stops; its ring file stays.
-spec prep_stop(State) -> State when State :: term().
prep_stop(State) ->
    case whereis(supervisorring_port) of
        undefined -> ok;
        _ -> catch supervisorring_port:leave(false, supervisorring_config:leave_timeout_ms() + ?TELL_TIMEOUT_MS)
    end,
    State.

%% The ring is of no use any more.
-spec stop(term()) -> ok.
stop(_State) ->
    supervisorring_ring:clear().
