%% The children of strategy_SUITE on a BEAM, and the module of their supervisors, whose init/1
%% is given what it has to return. `strategy_native' of odd_worker.cpp does the same in C++.
%%
%% A child is given {Id, Witness} and tells Witness {saw, {started, Id}} and {saw, {ended, Id, Reason}}. With
%% {Id, Witness, Options}: `gated' ones tell {saw, {ending, Id, self()}} before that and wait for `go'; with
%% {file, Path} they start as long as there is no such file.
-module(strategy_child).
-behaviour(gen_server).

-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2, migrate/3]).

init({child, Id, Witness}) ->
    init({child, Id, Witness, none});
init({child, Id, Witness, Option}) ->
    process_flag(trap_exit, true),
    case Option of
        {file, Path} -> start(Id, Witness, Option, filelib:is_regular(Path));
        _ -> start(Id, Witness, Option, false)
    end;
init(Returned) ->
    Returned.

start(Id, Witness, _Option, true) ->
    Witness ! {saw, {refused, Id}},
    {stop, refused};
start(Id, Witness, Option, false) ->
    Witness ! {saw, {started, Id}},
    {ok, {Id, Witness, Option}}.

handle_call({stop, Reason}, _From, State) ->
    {stop, Reason, ok, State}.

handle_cast(_Request, State) ->
    {noreply, State}.

handle_info(_Message, State) ->
    {noreply, State}.

terminate(Reason, {Id, Witness, Option}) ->
    case Option of
        gated ->
            Witness ! {saw, {ending, Id, self()}},
            receive go -> ok end;
        _ ->
            ok
    end,
    Witness ! {saw, {ended, Id, Reason}}.

migrate(_Child, _Old, _New) ->
    ok.
