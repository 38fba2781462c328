%% A supervisor whose children are spread over the members of a ring: the behaviour, and
%% the calls to it.
%%
%% This facade only delegates. On a BEAM without a program of its own every call is
%% carried out by one of the configured members (supervisorring_client), which also says
%% how a call ends when no member can be asked.
%%
%% {via, supervisorring, {Sup, Id}} addresses a running child in gen_server:call/2,3 and
%% the like. Such names are looked up, never registered: a child is registered by being
%% started by its supervisor.
-module(supervisorring).

-export([start_link/3]).
-export([find/2, exec/3, exec/4, exec/5]).
-export([start_child/2, terminate_child/2, delete_child/2, restart_child/2]).
-export([which_children/1, count_children/1]).
-export([whereis_name/1, register_name/2, unregister_name/1, send/2]).

-export_type([sup/0, id/0, child_spec/0, child_name/0, counts/0]).

-type sup() :: atom().
-type id() :: term().
-type child_spec() :: supervisor:child_spec().
-type child_name() :: {sup(), id()}.
-type counts() :: #{specs := non_neg_integer(), active := non_neg_integer(),
                    supervisors := non_neg_integer(), workers := non_neg_integer()}.

-callback init(Args :: term()) ->
    {ok, {{supervisor:strategy(), MaxR :: non_neg_integer(), MaxT :: pos_integer()},
          [child_spec() | {dyn_child_handler, module()}]}}.
-callback migrate({id(), worker | supervisor, [module()] | dynamic},
                  Old :: pid(), New :: pid()) -> term().
-optional_callbacks([migrate/3]).

%% A supervisor runs on members; this node has no program that could be one.
-spec start_link({local, sup()}, module(), term()) -> {error, no_program}.
start_link({local, Sup}, Module, _Args) when is_atom(Sup), is_atom(Module) ->
    {error, no_program}.

%% The member that owns the child, whether or not such a child exists.
-spec find(sup(), id()) -> node().
find(Sup, Id) ->
    supervisorring_client:ask(find, [Sup, Id]).

%% A function can run only where there is a BEAM; Node, the owner, is a C++ program.
-spec exec(sup(), id(), fun(() -> term())) -> {error, {no_beam, node()}}.
exec(Sup, Id, Fun) ->
    exec(Sup, Id, Fun, 30000).

-spec exec(sup(), id(), fun(() -> term()), timeout()) -> {error, {no_beam, node()}}.
exec(Sup, Id, Fun, Timeout) ->
    exec(Sup, Id, Fun, Timeout, 3).

-spec exec(sup(), id(), fun(() -> term()), timeout(), Retries :: non_neg_integer()) ->
          {error, {no_beam, node()}}.
exec(Sup, Id, Fun, _Timeout, _Retries) when is_function(Fun, 0) ->
    {error, {no_beam, find(Sup, Id)}}.

%% Starts the child on its owner and has the supervisor's handler for its id remember it.
%% {error, {cannot_match_handler, Id}}: no handler of the supervisor matches the id.
-spec start_child(sup(), child_spec()) -> {ok, pid()} | {error, term()}.
start_child(Sup, Spec) ->
    supervisorring_client:change(start_child, [Sup, Spec]).

%% Stops the child on its owner only: a change of the ring starts it again.
-spec terminate_child(sup(), id()) -> ok | {error, term()}.
terminate_child(Sup, Id) ->
    supervisorring_client:change(terminate_child, [Sup, Id]).

%% Forgets a terminated child, in the supervisor's handler too.
-spec delete_child(sup(), id()) -> ok | {error, term()}.
delete_child(Sup, Id) ->
    supervisorring_client:change(delete_child, [Sup, Id]).

-spec restart_child(sup(), id()) -> {ok, pid()} | {error, term()}.
restart_child(Sup, Id) ->
    supervisorring_client:change(restart_child, [Sup, Id]).

%% The children of all up members.
-spec which_children(sup()) ->
          [{id(), pid() | undefined | restarting, worker | supervisor, [module()] | dynamic}].
which_children(Sup) ->
    supervisorring_client:ask(which_children, [Sup]).

-spec count_children(sup()) -> counts().
count_children(Sup) ->
    supervisorring_client:ask(count_children, [Sup]).

-spec whereis_name(child_name()) -> pid() | undefined.
whereis_name({Sup, Id}) ->
    supervisorring_client:ask(whereis, [Sup, Id]).

-spec register_name(child_name(), pid()) -> no.
register_name({_Sup, _Id}, Pid) when is_pid(Pid) ->
    no.

-spec unregister_name(child_name()) -> ok.
unregister_name({_Sup, _Id}) ->
    ok.

-spec send(child_name(), Message) -> pid() | no_return() when Message :: term().
send(Name, Message) ->
    case whereis_name(Name) of
        undefined ->
            exit({badarg, {Name, Message}});
        Pid ->
            Pid ! Message,
            Pid
    end.
