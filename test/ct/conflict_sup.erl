%% The counters of my_sup, whose counts are added when one ran twice.
-module(conflict_sup).
-behaviour(supervisorring).

-export([init/1, migrate/3, conflict/3]).

init([]) ->
    {ok, {{one_for_one, 20, 5}, [my_sup:counter(Id) || Id <- my_sup:ids()]}}.

migrate(_Child, Old, New) ->
    gen_server:cast(New, {set, gen_server:call(Old, get)}).

conflict(_Child, Other, Kept) ->
    gen_server:cast(Kept, {set, gen_server:call(Kept, get) + gen_server:call(Other, get)}).
