defmodule UserApp.Application do
  @moduledoc "The supervisor of rooms in an ordinary supervision tree."
  use Application

  @impl true
  def start(_type, _args) do
    children = if Application.get_env(:user_app, :rooms, true), do: [UserApp.Watcher, rooms()], else: []
    Supervisor.start_link(children, strategy: :one_for_one, name: UserApp.Supervisor)
  end

  # OTP stops this application before the one it depends on: the rooms are handed over, with what they
  # hold, while they still run.
  @impl true
  def prep_stop(state) do
    if Application.get_env(:user_app, :rooms, true), do: :supervisorring.leave()
    state
  end

  # When the rooms give up on every member, this tree starts them again.
  defp rooms do
    %{
      id: UserApp.Rooms,
      start: {Supervisorring, :start_link, [UserApp.Rooms, [], [name: UserApp.Rooms]]},
      type: :supervisor
    }
  end
end
