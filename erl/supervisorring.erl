%% @doc A supervisor whose children are spread over the members of a ring: the behaviour, and
%% the calls to it.
%%
%% This facade only delegates. On a member, a BEAM with the program beside it, calls are
%% answered by the program, and what is a user's own code (functions given to exec,
%% handlers) runs here. On a client every call is carried out by one of the configured
%% members (supervisorring_client), which also says how a call ends when none can be asked.
%% supervisorring_config says what makes a node a client.
%%
%% `{via, supervisorring, {Sup, Id}}' addresses a running child in gen_server:call/2,3 and
%% the like. Such names are looked up, never registered: a child is registered by being
%% started by its supervisor.
-module(supervisorring).

-export([start_link/3]).
-export([find/2, exec/3, exec/4, exec/5, call/3, call/4, cast/3]).
-export([start_child/2, terminate_child/2, delete_child/2, restart_child/2]).
-export([which_children/1, count_children/1]).
-export([status/0, explain/2, plan/1, leave/0, leave/1]).
-export([drain/0, drain/1, cordon/0, cordon/1, uncordon/0, uncordon/1]).
-export([whereis_name/1, register_name/2, unregister_name/1, send/2]).
%% Asked of members by clients.
-export([whereis/2, place/2]).

-export_type([sup/0, id/0, child_spec/0, child_name/0, members/0, flags/0, counts/0, explained/0, plan/0]).

-type sup() :: atom().
-type id() :: term().
-type child_spec() :: supervisor:child_spec().
-type child_name() :: {sup(), id()}.
%% Which members own a supervisor's children: every one (the default), C nodes without a BEAM, BEAMs
%% with a program beside them, or these.
-type members() :: all | native | beam | [node(), ...].
%% OTP's flag map, and `members'.
-type flags() :: #{strategy => supervisor:strategy(), intensity => non_neg_integer(),
                   period => pos_integer(), auto_shutdown => never | any_significant | all_significant,
                   members => members()}.
-type counts() :: #{specs := non_neg_integer(), active := non_neg_integer(),
                    supervisors := non_neg_integer(), workers := non_neg_integer()}.

%% `digest': of the key, in hex; `point': the first place on the ring from there on, whose member
%% owns the child. `excluded': members that do not count. `members_note': why `members' is not kept
%% now, empty when it is. `named': by the definition or a handler.
%% `here', `pid' and `by': of a copy on the member that answers. `doing': what the child waits for
%% or is in, empty when nothing.
-type explained() :: #{supervisor := sup(), id := id(), node := node(), key := {sup(), id()},
                       digest := binary(), otp := 25 | 26,
                       point := #{digest := binary(), member := node(), number := 1..300},
                       owner := node(), members := members(), members_note := binary(),
                       excluded := [{node(), not_up | leaving | drained | cordoned | members | kind_unknown}],
                       without_supervisor := [node()], named := boolean(),
                       here := running | starting | restarting | stopping | terminated | none,
                       pid := pid() | undefined, by := native | beam | none,
                       doing := binary(), next_try_ms := non_neg_integer() | none}.
%% `ids': the first twenty. `complete': false when there are more children than are looked at.
-type plan() :: #{node := node(), up := [node()], up_then := [node()],
                  supervisors := [#{supervisor := sup(), children := non_neg_integer(),
                                    moves := non_neg_integer(), complete := boolean(),
                                    members := members(), excluded := [{node(), drained | cordoned | members | kind_unknown}],
                                    moves_between := [#{from := node() | none, to := node() | none,
                                                        count := pos_integer(), ids := [id()]}]}]}.

-callback init(Args :: term()) ->
    {ok, {{supervisor:strategy(), MaxR :: non_neg_integer(), MaxT :: pos_integer()}
          | flags(),
          [child_spec() | {dyn_child_handler, module()}]}}
    | ignore.
-callback migrate({id(), worker | supervisor, [module()] | dynamic},
                  Old :: pid(), New :: pid()) -> term().
%% Of a child that ran twice, after a partition: `Kept', on its owner, stays; `Other' ends afterwards.
%% Without it migrate/3 is called.
-callback conflict({id(), worker | supervisor, [module()] | dynamic},
                   Other :: pid(), Kept :: pid()) -> term().
-optional_callbacks([migrate/3, conflict/3]).

-define(EXEC_TIMEOUT_MS, 30000).
-define(EXEC_RETRIES, 3).
%% Telling the others, behind handing children over.
-define(TELL_TIMEOUT_MS, 30000).
-define(CALL_TIMEOUT_MS, 5000).

%% @doc Starts the supervisor on this member, linked to the caller, and the children that
%% belong here. `Module:init(Args)' says what they are, and in its flag map may say to which
%% `members' they belong: `{error, {members_refused, Members, Nodes}}' while these nodes, which know
%% of no such thing, run the supervisor. A client has no supervisors: `{error, no_program}'.
-spec start_link({local, sup()}, module(), term()) -> {ok, pid()} | ignore | {error, term()}.
start_link({local, Sup}, Module, Args) when is_atom(Sup), is_atom(Module) ->
    case is_member() of
        true -> supervisorring_global:start_link(Sup, Module, Args);
        false -> {error, no_program}
    end.

%% @doc The member that owns the child, whether or not such a child exists. Exits with
%% `{{no_member_up, Members}, _}' when none of the supervisor's `members' is up.
-spec find(sup(), id()) -> node().
find(Sup, Id) ->
    case whereis(Sup) of
        undefined -> ask(find, [Sup, Id]);
        _ -> found(supervisorring_ring:owner(Sup, Id), Sup, Id)
    end.

%% Some ids are placed by the program only.
found(undecided, Sup, Id) -> ask(find, [Sup, Id]);
found(Node, _Sup, _Id) -> Node.

%% @doc The same as `exec(Sup, Id, Fun, 30000, 3)'.
-spec exec(sup(), id(), fun(() -> term())) -> term().
exec(Sup, Id, Fun) ->
    exec(Sup, Id, Fun, ?EXEC_TIMEOUT_MS).

%% @doc The same as `exec(Sup, Id, Fun, Timeout, 3)'.
-spec exec(sup(), id(), fun(() -> term()), timeout()) -> term().
exec(Sup, Id, Fun, Timeout) ->
    exec(Sup, Id, Fun, Timeout, ?EXEC_RETRIES).

%% @doc Runs Fun on the member that owns the child, and again when no answer comes in time, up
%% to Retries times in all; then exits with `ring_unable_to_exec_fun'. `{error, {no_beam, Node}}':
%% the owner is a C++ program. `{error, {no_member_up, Members}}': nobody owns it. `{error, {minority, Up,
%% Members}}': of a partition this side is the smaller one, under `partitions: quorum'.
-spec exec(sup(), id(), fun(() -> term()), timeout(), Retries :: non_neg_integer()) -> term().
exec(Sup, Id, Fun, Timeout, Retries) when is_function(Fun, 0) ->
    case is_member() of
        true -> supervisorring_member:exec(Sup, Id, Fun, Timeout, Retries);
        false -> supervisorring_client:exec(Sup, Id, Fun, Timeout, Retries)
    end.

%% @doc The same as `call(Sup, Id, Request, 5000)'.
-spec call(sup(), id(), Request :: term()) -> Reply :: term().
call(Sup, Id, Request) ->
    call(Sup, Id, Request, ?CALL_TIMEOUT_MS).

%% @doc gen_server:call/3 of the child, wherever it runs: one that moves, starts or is restarted is
%% waited for. Exits with `{noproc, _}' when there is no such child.
-spec call(sup(), id(), Request :: term(), timeout()) -> Reply :: term().
call(Sup, Id, Request, Timeout) ->
    supervisorring_call:call(Sup, Id, Request, Timeout).

%% @doc gen_server:cast/2 to the child, wherever it runs; one that does not is waited for.
-spec cast(sup(), id(), Request :: term()) -> ok.
cast(Sup, Id, Request) ->
    supervisorring_call:cast(Sup, Id, Request).

%% @doc Starts the child on its owner and has the supervisor's handler for its id remember it.
%% `{error, {cannot_match_handler, Id}}': no handler of the supervisor matches the id.
%% `{error, {no_member_up, Members}}': none of the supervisor's `members' is up.
-spec start_child(sup(), child_spec()) -> {ok, pid()} | {term(), pid()} | {error, term()}.
start_child(Sup, Spec) ->
    case is_member() of
        true -> supervisorring_member:start_child(Sup, Spec);
        false -> supervisorring_client:change(start_child, [Sup, Spec])
    end.

%% @doc Stops the child on its owner only: a change of the ring starts it again.
-spec terminate_child(sup(), id()) -> ok | {error, term()}.
terminate_child(Sup, Id) ->
    change(terminate_child, [Sup, Id]).

%% @doc Forgets a terminated child, in the supervisor's handler too.
-spec delete_child(sup(), id()) -> ok | {error, term()} | term().
delete_child(Sup, Id) ->
    case is_member() of
        true -> supervisorring_member:delete_child(Sup, Id);
        false -> supervisorring_client:change(delete_child, [Sup, Id])
    end.

%% @doc Starts a terminated child again, on its owner.
-spec restart_child(sup(), id()) -> {ok, pid()} | {error, term()}.
restart_child(Sup, Id) ->
    change(restart_child, [Sup, Id]).

%% @doc The children of all up members.
-spec which_children(sup()) ->
          [{id(), pid() | undefined | restarting, worker | supervisor, [module()] | dynamic}].
which_children(Sup) ->
    ask(which_children, [Sup]).

%% @doc How many children all up members have.
-spec count_children(sup()) -> counts().
count_children(Sup) ->
    ask(count_children, [Sup]).

%% @doc What the program of this member sees: members, shares, children, moves.
-spec status() -> term().
status() ->
    ask(status, []).

%% @doc Why the child is where it is, as this member (on a client: one of the members) knows it.
%% `{error, Text}': its id cannot be placed.
-spec explain(sup(), id()) -> explained() | {error, Text :: binary()}.
explain(Sup, Id) ->
    ask(explain, [Sup, Id]).

%% @doc Which children would move if these members came or were gone. It has no effect.
%% `{error, Text}': such a change cannot be.
-spec plan([{with | without, node()}]) -> plan() | {error, Text :: binary()}.
plan(Changes) ->
    ask(plan, [Changes]).

%% @doc The same as `leave(false)'.
-spec leave() -> ok.
leave() ->
    leave(false).

%% @doc Has this member leave the ring, its children handed over; with `true' for good.
-spec leave(Forget :: boolean()) -> ok.
leave(Forget) when is_boolean(Forget) ->
    supervisorring_port:leave(Forget, supervisorring_config:leave_timeout_ms() + ?TELL_TIMEOUT_MS).

%% @doc The same as `drain([])'.
-spec drain() -> ok | {error, term()}.
drain() ->
    drain([]).

%% @doc Has this member, or `{node, Node}', hand its children over and own none until it is told
%% otherwise; it stays up. `{rate, N}': at most N moves a second; a later call changes it.
%% `{error, Why}': `{legacy_members, Nodes}' or `{older_members, Nodes}' place children by all
%% members, `{not_heard_yet, Nodes}', `no_other_member', `not_up'. A member that starts is not drained.
-spec drain([{rate, pos_integer()} | {node, node()}]) -> ok | {error, term()}.
drain(Options) ->
    supervisorring_operator:drain(Options).

%% @doc The same as `cordon([])'.
-spec cordon() -> ok | {error, term()}.
cordon() ->
    cordon([]).

%% @doc Has this member, or `{node, Node}', keep the children it has and get no new ones until it is
%% told otherwise. `{error, Why}' as of drain/1, and `drained', and `{too_many_children, N, Max}'.
%% A member that starts is not cordoned.
-spec cordon([{node, node()}]) -> ok | {error, term()}.
cordon(Options) ->
    supervisorring_operator:cordon(Options).

%% @doc The same as `uncordon([])'.
-spec uncordon() -> ok.
uncordon() ->
    uncordon([]).

%% @doc Has this member, or `{node, Node}', own children again.
-spec uncordon([{node, node()}]) -> ok.
uncordon(Options) ->
    supervisorring_operator:uncordon(Options).

%% @doc The pid of a running child, for `{via, supervisorring, {Sup, Id}}'.
-spec whereis_name(child_name()) -> pid() | undefined.
whereis_name({Sup, Id}) ->
    case is_member() of
        true -> supervisorring_member:whereis_child(Sup, Id);
        false -> supervisorring_client:ask(whereis, [Sup, Id])
    end.

%% @private
-spec whereis(sup(), id()) -> pid() | undefined.
whereis(Sup, Id) ->
    whereis_name({Sup, Id}).

%% @private
-spec place(sup(), id()) -> supervisorring_call:place().
place(Sup, Id) ->
    supervisorring_call:place(Sup, Id).

%% @doc Refused: a child has its name by being started by its supervisor.
-spec register_name(child_name(), pid()) -> no.
register_name({_Sup, _Id}, Pid) when is_pid(Pid) ->
    no.

%% @doc Does nothing.
-spec unregister_name(child_name()) -> ok.
unregister_name({_Sup, _Id}) ->
    ok.

%% @doc Sends a message to a running child; exits with badarg where there is none.
-spec send(child_name(), Message) -> pid() | no_return() when Message :: term().
send(Name, Message) ->
    case whereis_name(Name) of
        undefined ->
            exit({badarg, {Name, Message}});
        Pid ->
            Pid ! Message,
            Pid
    end.

ask(Function, Args) ->
    case is_member() of
        true -> supervisorring_member:request(Function, Args);
        false -> supervisorring_client:ask(Function, Args)
    end.

change(Function, Args) ->
    case is_member() of
        true -> supervisorring_member:request(Function, Args);
        false -> supervisorring_client:change(Function, Args)
    end.

is_member() ->
    whereis(supervisorring_estate) =/= undefined.
