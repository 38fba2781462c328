%% The loop of a process whose mind is the program: a relay, a local supervisor, a native
%% child's proxy.
%%
%% It answers system messages (sys) itself, links, unlinks and sends exit signals as the
%% program orders, and gives everything else to its module, which hands over what is for
%% the program (forward/1).
-module(supervisorring_process).

-include("supervisorring.hrl").

-export([enter/3, forward/1]).
-export([system_continue/3, system_terminate/4, system_code_change/4, system_get_state/1]).

%% Any message but those above; also {'EXIT', Parent, Reason}. May end the process.
-callback handle(Message :: term(), State :: term()) -> NewState :: term().
%% Its parent wants it to end (sys:terminate/2).
-callback finish(Reason :: term(), State :: term()) -> no_return().
%% What sys:get_state/1 shows.
-callback shown(State :: term()) -> term().

-record(process, {module :: module(), parent :: pid(), state :: term(), debug = []}).

%% Becomes such a process.
-spec enter(module(), Parent :: pid(), State :: term()) -> no_return().
enter(Module, Parent, State) ->
    loop(#process{module = Module, parent = Parent, state = State}).

loop(#process{module = Module, parent = Parent, state = State} = Process) ->
    receive
        {system, From, Request} ->
            sys:handle_system_msg(Request, From, Parent, ?MODULE, Process#process.debug, Process);
        {?ORDER, {link, Pid}} ->
            %% Linking to what is gone raises where exits are not trapped; here they are.
            true = link(Pid),
            loop(Process);
        {?ORDER, {unlink, Pid}} ->
            true = unlink(Pid),
            loop(Process);
        {?ORDER, {exit_signal, Pid, Reason}} ->
            true = exit(Pid, Reason),
            loop(Process);
        Message ->
            loop(Process#process{state = Module:handle(Message, State)})
    end.

%% Hands a message to the program. What somebody waits for is kept until it is answered;
%% gossip is not, since it comes again.
-spec forward(Message :: term()) -> ok.
forward({'$gen_call', {_, Tag}, _} = Message) ->
    supervisorring_inbox:request_message(Tag, {message, self(), Message});
forward({'$gen_cast', {onnode, _Id, {_, Ref}, _Fun}} = Message) ->
    supervisorring_inbox:request_message(Ref, {message, self(), Message});
forward({'$gen_cast', {get_handler, _Id, {_, Ref}}} = Message) ->
    supervisorring_inbox:request_message(Ref, {message, self(), Message});
forward({'$gen_cast', {reconcile, _, _, _}} = Message) ->
    supervisorring_inbox:report({message, self(), Message});
forward({_, is_up} = Message) ->
    supervisorring_inbox:report({message, self(), Message});
forward(Message) ->
    supervisorring_inbox:input({message, self(), Message}).

%% System messages

-spec system_continue(pid(), [sys:dbg_opt()], #process{}) -> no_return().
system_continue(_Parent, Debug, Process) ->
    loop(Process#process{debug = Debug}).

-spec system_terminate(term(), pid(), [sys:dbg_opt()], #process{}) -> no_return().
system_terminate(Reason, _Parent, _Debug, #process{module = Module, state = State}) ->
    Module:finish(Reason, State).

-spec system_code_change(#process{}, module(), term(), term()) -> {ok, #process{}}.
system_code_change(Process, _Module, _OldVsn, _Extra) ->
    {ok, Process}.

-spec system_get_state(#process{}) -> {ok, term()}.
system_get_state(#process{module = Module, state = State}) ->
    {ok, Module:shown(State)}.
