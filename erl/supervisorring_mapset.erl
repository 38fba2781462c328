%% Elixir's sets of nodes, also where there is no Elixir.
-module(supervisorring_mapset).

-export([from_list/1]).

%% A MapSet as this node's Elixir makes them, else as Elixir 1.14 does.
-spec from_list([term()]) -> map().
from_list(List) ->
    case code:ensure_loaded('Elixir.MapSet') of
        {module, Module} -> Module:new(List);
        {error, _} -> #{'__struct__' => 'Elixir.MapSet', map => maps:from_keys(List, []), version => 2}
    end.
