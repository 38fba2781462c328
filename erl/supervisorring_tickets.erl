%% Who has a call open to a child that runs here, and which children are shut.
%%
%% A caller takes a ticket before it looks whether the child is shut, and the gate
%% (supervisorring_gate) shuts a child before it looks who has a ticket: so either the caller
%% sees that it is shut, or the gate sees the ticket. A caller of this node takes and gives back
%% its ticket without a message while nothing is shut; a caller elsewhere has its ticket from
%% the gate.
%%
%% Two tables, which live as long as the gate. Tickets of callers that were killed stay until the
%% gate sweeps.
-module(supervisorring_tickets).

-include("supervisorring.hrl").

-export([new/0, enter/1, leave/2]).
-export([shut/1, reopen/1, is_shut/1, running/1]).
-export([add/3, remove/1, of_child/1, all/0]).

-type key() :: supervisorring_estate:key().
-type ticket() :: reference().
-export_type([key/0, ticket/0]).

-define(TICKETS, supervisorring_tickets).
-define(SHUT, supervisorring_tickets_shut).

%% Makes the tables, for the calling process.
-spec new() -> ok.
new() ->
    ?TICKETS = ets:new(?TICKETS, [named_table, public, {write_concurrency, true}]),
    ?SHUT = ets:new(?SHUT, [named_table, protected, {read_concurrency, true}]),
    ok.

%% Callers of this node

%% Takes a ticket to a child that runs here and is not shut. `none': it does not run here.
-spec enter(key()) -> {ok, pid(), ticket()} | shut | none.
enter(Key) ->
    Ticket = make_ref(),
    true = ets:insert(?TICKETS, {Ticket, self(), Key}),
    case ets:member(?SHUT, Key) of
        true ->
            leave(Key, Ticket),
            shut;
        false ->
            case running(Key) of
                undefined -> leave(Key, Ticket), none;
                Pid -> {ok, Pid, Ticket}
            end
    end.

%% Gives it back.
-spec leave(key(), ticket()) -> ok.
leave(Key, Ticket) ->
    true = ets:delete(?TICKETS, Ticket),
    ets:member(?SHUT, Key) andalso gen_server:cast(supervisorring_gate, {leave, Key, Ticket}),
    ok.

%% The child's process, when it runs here.
-spec running(key()) -> pid() | undefined.
running(Key) ->
    case supervisorring_estate:child(Key) of
        #child{state = running, pid = Pid} -> Pid;
        _ -> undefined
    end.

-spec is_shut(key()) -> boolean().
is_shut(Key) ->
    ets:member(?SHUT, Key).

%% For the gate

-spec shut(key()) -> ok.
shut(Key) ->
    true = ets:insert(?SHUT, {Key}),
    ok.

-spec reopen(key()) -> ok.
reopen(Key) ->
    true = ets:delete(?SHUT, Key),
    ok.

-spec add(ticket(), pid(), key()) -> ok.
add(Ticket, Caller, Key) ->
    true = ets:insert(?TICKETS, {Ticket, Caller, Key}),
    ok.

-spec remove(ticket()) -> ok.
remove(Ticket) ->
    true = ets:delete(?TICKETS, Ticket),
    ok.

%% The tickets to a child.
-spec of_child(key()) -> [{ticket(), Caller :: pid()}].
of_child(Key) ->
    ets:select(?TICKETS, [{{'$1', '$2', '$3'}, [{'=:=', '$3', {const, Key}}], [{{'$1', '$2'}}]}]).

-spec all() -> [{ticket(), Caller :: pid(), key()}].
all() ->
    ets:tab2list(?TICKETS).
