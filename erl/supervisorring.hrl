%% What the processes of a member share.

%% The first element of what these processes send each other, so that it is not mistaken
%% for what a user sends.
-define(ORDER, '$supervisorring').

%% A child of a supervisor, from the order to start it until the program has taken note of
%% its end. One row for each {Sup, Id}, in the table of supervisorring_estate.
-record(child,
        {key :: {Sup :: atom(), Id :: term()} | '_',
         kind = keeper :: keeper | proxy | '_',
         spec :: term(),
         token :: integer() | '_',
         generation :: pos_integer() | undefined | '_', % of the program that ordered the start
         request = none :: term(),                % on whose behalf
         seq :: integer() | undefined | '_',      % its place in the supervisor's table
         keeper :: pid() | undefined | '_',
         pid :: pid() | undefined | '_',
         state = starting :: starting | running | '_'
                           %% until the program has taken note: how it ended, or why it did not start
                           | {exited, Reason :: term()} | {failed, ignore | (Reason :: term())},
         told = 0 :: non_neg_integer() | '_'}).   % the generation that was told of its exit
