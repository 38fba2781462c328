%% A supervisor whose children belong to some members: its flags hold `members'. Children are
%% counters in C++ (on a BEAM: Elixir's of the same name) or beam_child's.
-module(owned_sup).
-behaviour(supervisorring).

-export([init/1, migrate/3, start/3]).

%% Started by a call from elsewhere, whose end is not its end.
start(Sup, Members, Specs) ->
    case supervisorring:start_link({local, Sup}, ?MODULE, {Members, Specs}) of
        {ok, Pid} -> unlink(Pid), ok;
        Other -> Other
    end.

init({Members, {counters, Ids}}) ->
    {ok, {#{intensity => 20, members => Members}, [my_sup:counter(Id) || Id <- Ids]}};
init({Members, {beam, Ids}}) ->
    {ok, {#{intensity => 20, members => Members}, [beam_child:spec(Id) || Id <- Ids]}}.

migrate(_Child, _Old, _New) ->
    ok.
