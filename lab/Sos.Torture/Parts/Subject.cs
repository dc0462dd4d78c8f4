using System;
using System.Collections.Generic;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Lab.Machine;
using Sos.Lab.Network;

namespace Sos.Torture.Parts;

/// <summary>The machine under torture, what it runs beside, and how its parts are asked.</summary>
/// <param name="machine">The machine, its card with Linux, no core reserved.</param>
/// <param name="client">A peer on its network.</param>
internal sealed class Subject(LabMachine machine, LabPeer client)
{
    /// <summary>Image of the service that fails on demand.</summary>
    public const string FaultImage = "/usr/lib/sos/tests/FaultServices.sosimg";

    /// <summary>Image of the service that answers ping.</summary>
    public const string EchoImage = "/usr/lib/sos/samples/Echo.sosimg";

    /// <summary>The address that the echo service answers for; Linux has another.</summary>
    public const string EchoAddress = "10.77.0.9";

    private const uint EchoAddressNumber = 0x0a4d0009;

    /// <summary>The machine.</summary>
    public LabMachine Machine => machine;

    /// <summary>The peer.</summary>
    public LabPeer Client => client;

    /// <summary>The kernel series.</summary>
    public string Kernel => machine.Options.Kernel;

    /// <summary>The core that is used: the last CPU.</summary>
    public int Cpu => machine.Options.Cpus - 1;

    /// <summary>The command that starts the echo service on the core, with the card.</summary>
    public string StartEcho => $"sosctl service start {Cpu} {EchoImage} --device eth0 -p address={EchoAddressNumber}";

    /// <summary>The command that starts the failing service on the core.</summary>
    /// <param name="parameters">Its parameters and further options.</param>
    public string StartFault(string parameters) => $"sosctl service start {Cpu} {FaultImage} {parameters}";

    /// <summary>A shell loop that writes the service's status once it is in a state, or what it is after a minute.</summary>
    public string AwaitState(string state)
        => $"n=0; while sosctl service status {Cpu} --json > /tmp/status; ! grep -q '\"state\":\"{state}\"' /tmp/status && [ $n != 300 ]; do "
            + "sleep 0.05; n=$((n + 1)); done; cat /tmp/status";

    /// <summary>The service's status.</summary>
    public async Task<JsonElement> StatusAsync() => Parse(await machine.CheckAsync($"sosctl service status {Cpu} --json"));

    /// <summary>Reads a document of sosctl.</summary>
    public static JsonElement Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    /// <summary>Whether Linux has as many CPUs as it should, works rightly, and had nothing to complain of.</summary>
    /// <param name="workload">The workload.</param>
    /// <param name="knownProblems">Complaints of the kernel before.</param>
    /// <param name="cpus">CPUs that Linux should have.</param>
    /// <param name="problems">Gets what is wrong.</param>
    public async Task<bool> IsLinuxWellAsync(ChecksumWorkload workload, int knownProblems, int cpus, List<string> problems)
    {
        string count = await machine.CheckAsync("nproc");
        bool right = await workload.IsRightAsync();
        bool silent = machine.Console.Problems.Count == knownProblems;
        if (count != $"{cpus}" || !right || !silent)
        {
            problems.Add($"Linux has {count} CPUs, its sums are {(right ? "right" : "wrong or stand still")}; "
                + $"the kernel said {string.Join(" / ", silent ? [] : machine.Console.Problems)}");
            return false;
        }

        return true;
    }

    /// <summary>How many of some pings to an address were answered.</summary>
    public async Task<int> PingAsync(string address, int count, int waitSeconds)
    {
        CommandResult ping = await client.RunAsync(
            $"ping -q -i 0.2 -c {count} -W {waitSeconds} {address}", TimeSpan.FromSeconds((count * 0.2) + waitSeconds + 30));
        string[] words = ping.Output.Split(' ', '\n');
        int received = Array.IndexOf(words, "received,");
        return received > 0 && int.TryParse(words[received - 1], out int answered) ? answered : 0;
    }

    /// <summary>Waits until an address answers.</summary>
    /// <exception cref="LabException">It does not within half a minute.</exception>
    public async Task AwaitAnswerAsync(string address)
    {
        for (int attempt = 0; attempt < 30; attempt++)
        {
            if (await PingAsync(address, 1, 1) == 1)
            {
                return;
            }
        }

        throw new LabException($"{address} does not answer");
    }
}
