using System;
using System.Globalization;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Lab.Machine;

namespace Sos.Demo.Scenes;

/// <summary>One CPU is taken from Linux and runs the firewall, which has the card; Linux has the host port.</summary>
internal sealed class SosScene : IScene
{
    private const string Image = "/usr/lib/sos/firewall.sosimg";

    /// <summary>Counters of the service whose sum is what its rules dropped.</summary>
    private static readonly string[] DropCounters = ["firewall.dropped_by_rule", "firewall.dropped_by_policy"];

    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);
    private readonly LabMachine _machine;
    private readonly int _cpu;

    private SosScene(LabMachine machine, int cpu, double reserveMs, string backEnd)
    {
        _machine = machine;
        _cpu = cpu;
        ReserveMs = reserveMs;
        BackEnd = backEnd;
    }

    /// <inheritdoc/>
    public string InterruptName => "sos";

    /// <summary>How long it took to take the CPU from Linux.</summary>
    public double ReserveMs { get; }

    /// <summary>The back end that sosctl says has the CPU.</summary>
    public string BackEnd { get; }

    /// <summary>Takes the CPU and starts the firewall with the demo's rules.</summary>
    /// <exception cref="LabException">Something refused, or Linux still shows the CPU as its own.</exception>
    public static async Task<SosScene> SetUpAsync(LabMachine machine, int cpu)
    {
        JsonElement reserved = await ControlAsync(machine, $"core reserve {cpu}");
        SosScene scene = new(
            machine, cpu, reserved.GetProperty("duration_ms").GetDouble(), reserved.GetProperty("back_end").GetString()!.ToLowerInvariant());
        JsonElement started = await ControlAsync(
            machine, $"service start {cpu} {Image} --device {LabMachine.CardAddress()} --rules {GuestFiles.Rules}");
        _ = await machine.ConfigureAsync(started.GetProperty("host_port").GetString()!);
        await scene.EnsureOffLinuxAsync();
        return scene;
    }

    /// <summary>Stops the firewall and gives the CPU back.</summary>
    /// <returns>How long it took until Linux had the CPU, in milliseconds.</returns>
    public async Task<double> TearDownAsync()
    {
        _ = await ControlAsync(_machine, $"service stop {_cpu}");
        return (await ControlAsync(_machine, $"core release {_cpu}")).GetProperty("duration_ms").GetDouble();
    }

    /// <inheritdoc/>
    public async Task<long> ReadDroppedAsync()
    {
        JsonElement counters = (await StatusAsync()).GetProperty("counters");
        long sum = 0;
        foreach (string name in DropCounters)
        {
            sum += counters.GetProperty(name).GetInt64();
        }

        return sum;
    }

    private Task<JsonElement> StatusAsync() => ControlAsync(_machine, $"service status {_cpu}");

    // The service's poll counter moves though Linux has no such CPU: so it runs on the bare core, not in a process.
    private async Task EnsureOffLinuxAsync()
    {
        string online = await _machine.CheckAsync("cat /sys/devices/system/cpu/online");
        long before = (await StatusAsync()).GetProperty("polls").GetInt64();
        long after = (await StatusAsync()).GetProperty("polls").GetInt64();
        if (HostPlacement.ParseList(online).Contains(_cpu) || after <= before)
        {
            throw new LabException(string.Create(
                CultureInfo.InvariantCulture,
                $"cpu {_cpu} is no service core: Linux has cpus {online}, polls went from {before} to {after}"));
        }
    }

    private static async Task<JsonElement> ControlAsync(LabMachine machine, string command)
    {
        string json = await machine.CheckAsync($"sosctl --json {command}", StartLimit);
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
