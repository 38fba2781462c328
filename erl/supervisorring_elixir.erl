%% @doc What Erlang modules with Elixir's names need: what the Elixir compiler and IEx ask of a
%% module, and calls of Elixir itself.
-module(supervisorring_elixir).

-export([info/4, map_set/0, map_set/1, call/3]).

%% @doc The answer of `Module.__info__(What)': its public functions and macros, its struct.
-spec info(module(), What :: atom(), Functions :: [{atom(), arity()}], Macros :: [{atom(), arity()}]) -> term().
info(Module, module, _Functions, _Macros) -> Module;
info(_Module, functions, Functions, _Macros) -> lists:sort(Functions);
info(_Module, macros, _Functions, Macros) -> lists:sort(Macros);
info(_Module, deprecated, _Functions, _Macros) -> [];
info(Module, struct, _Functions, _Macros) ->
    case erlang:function_exported(Module, '__struct__', 0) of
        true -> [#{field => Field, required => false, default => Default}
                 || {Field, Default} <- lists:sort(maps:to_list(maps:remove('__struct__', Module:'__struct__'())))];
        false -> nil
    end;
info(Module, exports_md5, _Functions, _Macros) -> Module:module_info(md5);
info(Module, What, _Functions, _Macros) -> Module:module_info(What).

%% @doc An empty `MapSet', as the Elixir at hand makes it; without one, as Elixir 1.14 does.
-spec map_set() -> map().
map_set() ->
    map_set([]).

%% @doc A `MapSet' of these elements.
-spec map_set([term()]) -> map().
map_set(Elements) ->
    Empty = try call('Elixir.MapSet', new, [])
            catch error:undef -> #{'__struct__' => 'Elixir.MapSet', map => #{}, version => 2}
            end,
    Empty#{map := maps:from_keys(Elements, [])}.

%% @doc Calls a function of Elixir's own, which is there only when Elixir is: the compiler and
%% Dialyzer should not look for it.
-spec call(module(), Function :: atom(), Args :: [term()]) -> term().
call(Module, Function, Args) ->
    apply(Module, Function, Args).
