%% What odd_worker.cpp's class of this name does, as a gen_server on a BEAM: OTP says what the answers have to be.
-module(odd_start).
-behaviour(gen_server).

-export([init/1, handle_call/3, handle_cast/2]).

init(ignore) -> ignore;
init({stop, Reason}) -> {stop, Reason};
init({exit, Reason}) -> exit(Reason);
init(_) -> {ok, 0}.

handle_call(get, _From, State) -> {reply, State, State}.

handle_cast(_Request, State) -> {noreply, State}.
