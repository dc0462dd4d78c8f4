using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>A machine with a console on its last CPU, and a host beside it from which somebody logs in.</summary>
internal sealed class ConsoleVisitor : IAsyncDisposable
{
    private const string Address = TelnetVisit.Address;

    private readonly LabNetwork _network;
    private readonly LabPeer _client;

    private ConsoleVisitor(LabNetwork network, LabPeer client, LabMachine machine)
    {
        _network = network;
        _client = client;
        Machine = machine;
    }

    /// <summary>How long anything may take that a machine does while others have the host's CPUs.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromMinutes(2);

    /// <summary>The machine.</summary>
    public LabMachine Machine { get; }

    /// <summary>The console's core.</summary>
    public int Core => Machine.Options.Cpus - 1;

    /// <summary>Boots a machine, and makes the files of a console.</summary>
    public static async Task<ConsoleVisitor> BootAsync(LabMachineOptions options)
    {
        LabNetwork network = await LabNetwork.CreateAsync();
        try
        {
            LabPeer client = await network.AddPeerAsync("client");
            ConsoleVisitor visitor = new(network, client, await LabMachine.BootAsync(options with { Network = network }));
            await visitor.Machine.ConfigureAsync("eth0");
            await visitor.Machine.CheckAsync(
                $"echo '{TelnetVisit.Password}' | sosctl console password /tmp/telnet && sosctl console key /tmp/host.key "
                + $"&& sosctl core reserve {visitor.Core}", Limit);
            return visitor;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the console by telnet and ssh.</summary>
    /// <param name="grants">What is granted.</param>
    public Task<string> StartAsync(string grants) => Machine.CheckAsync(
        $"sosctl console start {Core} --device eth0 --address {Address} --telnet /tmp/telnet --ssh /root/.ssh/authorized_keys --host-key /tmp/host.key "
        + $"--grant {grants}", Limit);

    /// <summary>Runs a command by ssh. A console that goes resets its connections, once: ssh asks now and then, in case that frame is lost.</summary>
    public Task<CommandResult> TryAsync(string command)
        => _client.RunAsync($"{Machine.SshCommand(Address, "console")} -o ServerAliveInterval=20 {command}", Limit);

    /// <summary>Runs a command by ssh, which must succeed, and returns what it wrote.</summary>
    public async Task<string> AskAsync(string command) => (await TryAsync(command)).EnsureSuccess().Output;

    /// <summary>Asks again until an answer holds a text, which it must within the limit.</summary>
    public async Task<string> AskUntilAsync(string command, Func<string, bool> isGood)
    {
        DateTime end = DateTime.UtcNow + Limit;
        CommandResult answer = await TryAsync(command);
        while (answer.ExitCode != 0 || !isGood(answer.Output))
        {
            Assert.True(DateTime.UtcNow < end, $"{command}: {answer.Output}{answer.Error}");
            answer = await TryAsync(command);
        }

        return answer.Output;
    }

    /// <summary>Logs in by telnet, runs a command and leaves.</summary>
    public async Task<string> TelnetAsync(string command) => (await TelnetVisit.AskAsync(_client, command))[command];

    /// <summary>Resets the machine by the console, which ends QEMU.</summary>
    public async Task RebootAsync(string method)
    {
        // The console ends all connections first: ssh would hang for ever else, and the command with it.
        string command = method.Length == 0 ? "reboot --yes" : $"reboot --method {method} --yes";
        CommandResult result = await _client.RunAsync($"{Machine.SshCommand(Address, "console")} -o ServerAliveInterval=0 {command}", Limit);
        Assert.Contains("is reset now", result.Output, StringComparison.Ordinal);
        Assert.Equal(255, result.ExitCode);
        await Machine.WaitForExitAsync().WaitAsync(Limit);
    }

    /// <summary>The registers that CPUs have stored: name and row of each.</summary>
    public async Task<ILookup<int, (string Name, JsonElement Row)>> RegistersAsync()
    {
        CommandResult result = await TryAsync("cpus --registers --json");
        using JsonDocument json = JsonDocument.Parse(result.ExitCode == 0 ? result.Output : "[]");
        List<JsonElement> rows = [.. json.RootElement.EnumerateArray().Select(row => row.Clone())];
        return rows.ToLookup(row => row.GetProperty("cpu").GetInt32(), row => (row.GetProperty("register").GetString()!, row));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Machine.DisposeAsync();
        await _network.DisposeAsync();
    }
}
