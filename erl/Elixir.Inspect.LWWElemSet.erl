%% @doc `inspect' of an `LWWElemSet': `%LWWElemSet<[:b, :a]>'.
-module('Elixir.Inspect.LWWElemSet').

-'__impl__'([{protocol, 'Elixir.Inspect'}, {for, 'Elixir.LWWElemSet'}]).

-export([inspect/2, '__impl__'/1]).

%% @doc The document that Elixir's formatter prints.
-spec inspect('Elixir.LWWElemSet':t(), Options :: map()) -> term().
inspect(Set, Options) ->
    Members = supervisorring_elixir:call('Elixir.Inspect.Algebra', to_doc, ['Elixir.LWWElemSet':to_list(Set), Options]),
    supervisorring_elixir:call('Elixir.Inspect.Algebra', concat, [[<<"%LWWElemSet<">>, Members, <<">">>]]).

%% @private
-spec '__impl__'(for | target | protocol) -> module().
'__impl__'(for) -> 'Elixir.LWWElemSet';
'__impl__'(target) -> ?MODULE;
'__impl__'(protocol) -> 'Elixir.Inspect'.
