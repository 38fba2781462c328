%% The application's own processes.
%%
%% What a process needs starts before it and takes it along when it ends (rest_for_one);
%% the owner of the program comes last, so that its end takes nothing along. The users'
%% supervisors are in the users' own trees.
-module(supervisorring_sup).
-behaviour(supervisor).

-export([start_link/1, init/1]).

%% Starts the tree: empty for a client.
-spec start_link(member | client | relays) -> {ok, pid()} | {error, term()}.
start_link(relays) ->
    supervisor:start_link({local, supervisorring_relays}, ?MODULE, relays);
start_link(Role) ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, Role).

%% Called by OTP's supervisor.
-spec init(member | client | relays) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init(client) ->
    {ok, {#{}, []}};
init(member) ->
    {ok, {#{strategy => rest_for_one, intensity => 3, period => 5},
          [#{id => estate, start => {supervisorring_estate, start_link, []}},
           #{id => gate, start => {supervisorring_gate, start_link, []}},
          events('Elixir.NanoRing.Events'),
           events('Elixir.Supervisorring.Events'),
           #{id => relays, start => {?MODULE, start_link, [relays]}, type => supervisor},
           #{id => port, start => {supervisorring_port, start_link, []}}]}};
init(relays) ->
    {ok, {#{strategy => one_for_one, intensity => 3, period => 5},
          [#{id => Role, start => {supervisorring_relay, start_link, [Role]}}
           || Role <- [nano_ring, super_sup, peer]]}}.

events(Name) ->
    #{id => Name, start => {gen_event, start_link, [{local, Name}]}, modules => dynamic}.
