%% What is handed to the program: by its relays, keepers and the facade, through the owner
%% of its port (supervisorring_port), which may be away for a moment, as the program may.
%%
%% What somebody waits for the answer of, and what must arrive sooner or later, is in the
%% estate before the owner hears of it; the rest is of interest at once or not at all.
-module(supervisorring_inbox).

-include("supervisorring.hrl").

-export([input/1, report/1, request_message/2, request_supervisor/1, request/2]).
-export([child_started/4, started/3, child_exited/2, relay_started/0, end_native/1]).

%% What the program has to get, once, sooner or later.
-spec input(tuple()) -> ok.
input(Input) ->
    case whereis(supervisorring_port) of
        undefined -> _ = supervisorring_estate:add_request(once, Input), ok;
        Owner -> Owner ! {?ORDER, {input, Input}}, ok
    end.

%% What is of interest to the program that runs now, not to a successor.
-spec report(tuple()) -> ok.
report(Input) ->
    to_owner({report, Input}).

%% A message that somebody waits for the answer of.
-spec request_message(supervisorring_estate:tag(), tuple()) -> ok.
request_message(Tag, Input) ->
    case supervisorring_estate:add_request(Tag, Input) of
        {ok, Seq} ->
            to_owner({request, Seq});
        full ->
            logger:warning("supervisorring: dropped, too many requests wait for an answer: ~tP",
                           [Input, 15], #{domain => [supervisorring]})
    end.

%% Has the program take on a supervisor whose processes have been started.
-spec request_supervisor(supervisorring:sup()) -> ok.
request_supervisor(Sup) ->
    request_message({supervisor, Sup}, {supervisor, Sup}).

%% Asks the program; raises what it answers. Used by the facade.
-spec request(Function :: atom(), Args :: [term()]) -> term().
request(Function, Args) ->
    ReqId = erlang:monitor(process, supervisorring_estate, [{alias, reply_demonitor}]),
    request_message(ReqId, {request, ReqId, Function, Args}),
    receive
        {ReqId, {ok, Value}} -> Value;
        {ReqId, {exit, Reason}} -> exit(Reason);
        {ReqId, {error, Reason}} -> error(Reason);
        {ReqId, {throw, Thrown}} -> throw(Thrown);
        {'DOWN', ReqId, process, _, Reason} -> exit({Reason, {supervisorring, Function, Args}})
    end.

%% How a start went that the program of that generation ordered.
-spec child_started(supervisorring_estate:key(), pos_integer(), Token :: integer(), term()) -> ok.
child_started({Sup, _Id}, Generation, Token, Result) ->
    started(Generation, Token, {child_started, Sup, Token, Result}).

%% The same, for any kind of child.
-spec started(pos_integer(), Token :: integer(), Input :: tuple()) -> ok.
started(Generation, Token, Input) ->
    to_owner({started, Generation, Token, Input}).

%% A child has ended; its row says how.
-spec child_exited(supervisorring_estate:key(), pid()) -> ok.
child_exited(Key, Pid) ->
    to_owner({exited, Key, Pid}).

%% One of the application's relays has a new pid.
-spec relay_started() -> ok.
relay_started() ->
    to_owner(relay_started).

%% The calling process, a native child's, is to end; and a monitor of who has heard that.
-spec end_native(supervisorring:sup()) -> reference() | none.
end_native(Sup) ->
    case whereis(supervisorring_port) of
        undefined ->
            none;
        Owner ->
            Monitor = erlang:monitor(process, Owner),
            Owner ! {?ORDER, {end_native, Sup, self()}},
            Monitor
    end.

to_owner(Message) ->
    case whereis(supervisorring_port) of
        undefined -> ok;
        Owner -> Owner ! {?ORDER, Message}, ok
    end.
