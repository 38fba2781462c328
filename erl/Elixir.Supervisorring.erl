%% @doc Elixir's `Supervisorring': the calls of module `supervisorring' under the name that
%% Elixir programs use, the registered names of a supervisor's processes, and `use Supervisorring'.
%%
%% `use Supervisorring' makes a module both a supervisor's and its children's handler: it sets the
%% behaviours `supervisorring' and `dyn_child_handler' with defaults that can be overridden
%% (`migrate/3', `add/1' and `del/1' give `:ok', `match/1' `true', `get_all/0' `[]'), defines
%% `dynamic/0', which is `{:dyn_child_handler, __MODULE__}' for the specs of `init/1', and imports
%% `Supervisor.Spec'. `init/1' is the module's own.
-module('Elixir.Supervisorring').

-export([start_link/3]).
-export([find/2, exec/3, exec/4, exec/5]).
-export([start_child/2, terminate_child/2, delete_child/2, restart_child/2]).
-export([which_children/1, count_children/1]).
-export([call/3, call/4, cast/3, explain/2, plan/1]).
-export([drain/0, drain/1, cordon/0, cordon/1, uncordon/0, uncordon/1]).
-export([global_sup_ref/1, local_sup_ref/1, child_manager_ref/1]).
-export(['MACRO-__using__'/2, '__info__'/1]).

%% @doc Starts the supervisor `Name' on this member: `start_link(Module, Arg, name: Name)'.
-spec start_link(module(), Arg :: term(), [{name, supervisorring:sup()}]) -> {ok, pid()} | ignore | {error, term()}.
start_link(Module, Arg, [{name, Name}]) when is_atom(Name) ->
    supervisorring:start_link({local, Name}, Module, Arg).

%% @doc The member that owns the child, whether or not such a child exists.
-spec find(supervisorring:sup(), supervisorring:id()) -> node().
find(Sup, Id) -> supervisorring:find(Sup, Id).

%% @doc Runs the function on the member that owns the child: 30 seconds a try, three tries.
-spec exec(supervisorring:sup(), supervisorring:id(), fun(() -> term())) -> term().
exec(Sup, Id, Fun) -> supervisorring:exec(Sup, Id, Fun).

%% @doc The same with a time in milliseconds for each of three tries.
-spec exec(supervisorring:sup(), supervisorring:id(), fun(() -> term()), timeout()) -> term().
exec(Sup, Id, Fun, Timeout) -> supervisorring:exec(Sup, Id, Fun, Timeout).

%% @doc The same with a number of tries.
-spec exec(supervisorring:sup(), supervisorring:id(), fun(() -> term()), timeout(), non_neg_integer()) -> term().
exec(Sup, Id, Fun, Timeout, Tries) -> supervisorring:exec(Sup, Id, Fun, Timeout, Tries).

%% @doc Starts a child on its owner and tells the handler that matches its id.
-spec start_child(supervisorring:sup(), supervisorring:child_spec()) -> term().
start_child(Sup, Spec) -> supervisorring:start_child(Sup, Spec).

%% @doc Stops a child on its owner; a change of the ring starts it again.
-spec terminate_child(supervisorring:sup(), supervisorring:id()) -> ok | {error, term()}.
terminate_child(Sup, Id) -> supervisorring:terminate_child(Sup, Id).

%% @doc Forgets a terminated child and tells its handler.
-spec delete_child(supervisorring:sup(), supervisorring:id()) -> term().
delete_child(Sup, Id) -> supervisorring:delete_child(Sup, Id).

%% @doc Starts a terminated child again.
-spec restart_child(supervisorring:sup(), supervisorring:id()) -> {ok, pid()} | {error, term()}.
restart_child(Sup, Id) -> supervisorring:restart_child(Sup, Id).

%% @doc The children of all up members. Those of this one: `:supervisor.which_children(Sup)'.
-spec which_children(supervisorring:sup()) ->
          [{supervisorring:id(), pid() | undefined | restarting, worker | supervisor, [module()] | dynamic}].
which_children(Sup) -> supervisorring:which_children(Sup).

%% @doc The numbers of children of all up members, summed.
-spec count_children(supervisorring:sup()) -> supervisorring:counts().
count_children(Sup) -> supervisorring:count_children(Sup).

%% @doc `GenServer.call' of the child, wherever it runs; five seconds.
-spec call(supervisorring:sup(), supervisorring:id(), term()) -> term().
call(Sup, Id, Request) -> supervisorring:call(Sup, Id, Request).

%% @doc The same with a time in milliseconds, or `:infinity'.
-spec call(supervisorring:sup(), supervisorring:id(), term(), timeout()) -> term().
call(Sup, Id, Request, Timeout) -> supervisorring:call(Sup, Id, Request, Timeout).

%% @doc `GenServer.cast' to the child, wherever it runs.
-spec cast(supervisorring:sup(), supervisorring:id(), term()) -> ok.
cast(Sup, Id, Request) -> supervisorring:cast(Sup, Id, Request).

%% @doc Why the child is where it is, as this member knows it.
-spec explain(supervisorring:sup(), supervisorring:id()) -> supervisorring:explained() | {error, binary()}.
explain(Sup, Id) -> supervisorring:explain(Sup, Id).

%% @doc Which children would move if these members came (`with') or were gone (`without').
-spec plan([{with | without, node()}]) -> supervisorring:plan() | {error, binary()}.
plan(Changes) -> supervisorring:plan(Changes).

%% @doc Has this member hand its children over and own none; it stays up.
-spec drain() -> ok | {error, term()}.
drain() -> supervisorring:drain().

%% @doc The same with options: `rate: moves_a_second', `node: another_member'.
-spec drain([{rate, pos_integer()} | {node, node()}]) -> ok | {error, term()}.
drain(Options) -> supervisorring:drain(Options).

%% @doc Has this member keep the children it has and get no new ones.
-spec cordon() -> ok | {error, term()}.
cordon() -> supervisorring:cordon().

%% @doc The same of `node: another_member'.
-spec cordon([{node, node()}]) -> ok | {error, term()}.
cordon(Options) -> supervisorring:cordon(Options).

%% @doc Has this member own children again.
-spec uncordon() -> ok.
uncordon() -> supervisorring:uncordon().

%% @doc The same of `node: another_member'.
-spec uncordon([{node, node()}]) -> ok.
uncordon(Options) -> supervisorring:uncordon(Options).

%% @doc The name of the supervisor's top process.
-spec global_sup_ref(supervisorring:sup()) -> atom().
global_sup_ref(Sup) -> named(Sup, <<".GlobalSup">>).

%% @doc The name of the process that supervises the children on each member: the supervisor's own.
-spec local_sup_ref(supervisorring:sup()) -> atom().
local_sup_ref(Sup) -> Sup.

%% @doc The name of the process that knows where children belong.
-spec child_manager_ref(supervisorring:sup()) -> atom().
child_manager_ref(Sup) -> named(Sup, <<".ChildManager">>).

%% @private
-spec 'MACRO-__using__'(Caller :: term(), Options :: term()) -> Quoted :: term().
'MACRO-__using__'(_Caller, _Options) ->
    quoted(supervisorring_elixir:call('Elixir.Code', 'string_to_quoted!', [used()])).

%% @private
-spec '__info__'(atom()) -> term().
'__info__'(What) ->
    supervisorring_elixir:info(?MODULE, What, functions(), [{'__using__', 1}]).

functions() ->
    [{start_link, 3}, {find, 2}, {exec, 3}, {exec, 4}, {exec, 5}, {start_child, 2}, {terminate_child, 2},
     {delete_child, 2}, {restart_child, 2}, {which_children, 1}, {count_children, 1}, {explain, 2}, {plan, 1},
     {call, 3}, {call, 4}, {cast, 3}, {drain, 0}, {drain, 1}, {cordon, 0}, {cordon, 1}, {uncordon, 0}, {uncordon, 1},
     {global_sup_ref, 1}, {local_sup_ref, 1}, {child_manager_ref, 1}].

named(Sup, Suffix) ->
    binary_to_atom(<<(atom_to_binary(Sup))/binary, Suffix/binary>>).

used() ->
    <<"@behaviour :dyn_child_handler\n"
      "@behaviour :supervisorring\n"
      "import Supervisor.Spec, warn: false\n"
      "def migrate(_, _, _), do: :ok\n"
      "def match(_), do: true\n"
      "def get_all, do: []\n"
      "def add(_), do: :ok\n"
      "def del(_), do: :ok\n"
      "def dynamic, do: {:dyn_child_handler, __MODULE__}\n"
      "defoverridable migrate: 3, match: 1, get_all: 0, add: 1, del: 1\n">>.

%% As `quote' would give it: no lines of its own, so that the compiler puts in that of `use'.
quoted({Name, _Meta, Arguments}) ->
    {quoted(Name), [{generated, true}, {context, ?MODULE}], quoted(Arguments)};
quoted({Left, Right}) ->
    {quoted(Left), quoted(Right)};
quoted(List) when is_list(List) ->
    [quoted(Each) || Each <- List];
quoted(Literal) ->
    Literal.
