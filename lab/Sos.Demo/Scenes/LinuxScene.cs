using System;
using System.Globalization;
using System.IO;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab.Machine;

namespace Sos.Demo.Scenes;

/// <summary>Linux has all CPUs; the card's interrupt goes to the one with a host CPU of its own.</summary>
internal sealed class LinuxScene : IScene
{
    private const string Device = "eth0";
    private readonly LabMachine _machine;

    private LinuxScene(LabMachine machine, string interruptName)
    {
        _machine = machine;
        InterruptName = interruptName;
    }

    /// <inheritdoc/>
    public string InterruptName { get; }

    /// <summary>Sets it up.</summary>
    /// <param name="machine">The machine; Linux has the card.</param>
    /// <param name="floodCpu">Its CPU that is to meet the flood.</param>
    public static async Task<LinuxScene> SetUpAsync(LabMachine machine, int floodCpu)
    {
        _ = await machine.ConfigureAsync(Device);
        string interruptName = Path.GetFileName(await machine.CheckAsync($"readlink -f /sys/class/net/{Device}/device"));
        int mask = 1 << floodCpu;
        _ = await machine.CheckAsync(string.Create(CultureInfo.InvariantCulture,
            $"irq=$(sed -n 's/^ *\\([0-9]*\\):.*[ ,]{interruptName}$/\\1/p' /proc/interrupts) && "
            + $"echo {mask:x} > /proc/irq/$irq/smp_affinity"));
        _ = await machine.CheckAsync($"nft flush ruleset; nft -f {GuestFiles.Rules}", TimeSpan.FromMinutes(2));
        return new LinuxScene(machine, interruptName);
    }

    /// <summary>Takes the rules away again.</summary>
    public Task TearDownAsync() => _machine.CheckAsync("nft flush ruleset");

    /// <inheritdoc/>
    public async Task<long> ReadDroppedAsync() => SumOfDrops(await _machine.CheckAsync("nft -j list chain inet demo input"));

    /// <summary>The packets of all rules that count and drop.</summary>
    internal static long SumOfDrops(string json)
    {
        long sum = 0;
        using JsonDocument document = JsonDocument.Parse(json);
        foreach (JsonElement item in document.RootElement.GetProperty("nftables").EnumerateArray())
        {
            if (!item.TryGetProperty("rule", out JsonElement rule))
            {
                continue;
            }

            long packets = 0;
            bool drops = false;
            foreach (JsonElement statement in rule.GetProperty("expr").EnumerateArray())
            {
                packets += statement.TryGetProperty("counter", out JsonElement counter)
                    ? counter.GetProperty("packets").GetInt64() : 0;
                drops |= statement.TryGetProperty("drop", out _);
            }

            sum += drops ? packets : 0;
        }

        return sum;
    }
}
