%% @doc `Enum' of an `LWWElemSet': its members, the greatest first.
-module('Elixir.Enumerable.LWWElemSet').

%% Without this attribute a build that consolidates protocols does not see the implementation.
-'__impl__'([{protocol, 'Elixir.Enumerable'}, {for, 'Elixir.LWWElemSet'}]).

-export([count/1, 'member?'/2, reduce/3, slice/1, '__impl__'/1]).

-type command() :: {cont | halt | suspend, term()}.
-type result() :: {done | halted, term()} | {suspended, term(), fun((command()) -> result())}.

%% @doc Left to `reduce/3'.
-spec count(term()) -> {error, module()}.
count(_Set) ->
    {error, ?MODULE}.

%% @doc Left to `reduce/3'.
-spec 'member?'(term(), term()) -> {error, module()}.
'member?'(_Set, _Element) ->
    {error, ?MODULE}.

%% @doc Left to `reduce/3'.
-spec slice(term()) -> {error, module()}.
slice(_Set) ->
    {error, ?MODULE}.

%% @doc Reduces the members, which can be halted and suspended.
-spec reduce('Elixir.LWWElemSet':t(), command(), fun((term(), term()) -> command())) -> result().
reduce(Set, Command, Fun) ->
    reduce_list('Elixir.LWWElemSet':to_list(Set), Command, Fun).

%% @private
-spec '__impl__'(for | target | protocol) -> module().
'__impl__'(for) -> 'Elixir.LWWElemSet';
'__impl__'(target) -> ?MODULE;
'__impl__'(protocol) -> 'Elixir.Enumerable'.

reduce_list(_Members, {halt, Acc}, _Fun) ->
    {halted, Acc};
reduce_list(Members, {suspend, Acc}, Fun) ->
    {suspended, Acc, fun(Command) -> reduce_list(Members, Command, Fun) end};
reduce_list([], {cont, Acc}, _Fun) ->
    {done, Acc};
reduce_list([Member | Rest], {cont, Acc}, Fun) ->
    reduce_list(Rest, Fun(Member, Acc), Fun).
