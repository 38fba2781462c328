%% A user's application, whose tree holds a supervisor of the ring.
-module(user_app).
-behaviour(application).
-behaviour(supervisor).

-export([launch/1]).
-export([start/2, stop/1, init/1]).

%% Starts it, with Sup's own module Sup.
-spec launch(Sup :: module()) -> ok.
launch(Sup) ->
    ok = application:load({application, ?MODULE, [{vsn, "1"}, {modules, [?MODULE]}, {registered, []},
                                                  {applications, [kernel, stdlib, supervisorring]},
                                                  {mod, {?MODULE, Sup}}]}),
    application:start(?MODULE).

start(_Type, Sup) ->
    supervisor:start_link(?MODULE, Sup).

stop(_State) ->
    ok.

init(Sup) ->
    {ok, {#{}, [#{id => Sup, type => supervisor, start => {supervisorring, start_link, [{local, Sup}, Sup, []]}}]}}.
