using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Companions;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Firewall.Control;
using Sos.Firewall.Tracking;
using Xunit;

namespace Sos.Firewall.Tests.Control;

/// <summary>The firewall's start where its core tracks connections: what it is given, and where it is refused.</summary>
public sealed class CompanionTests : IDisposable
{
    private const string Stateful = "table inet f { chain c { type filter hook input priority 0; policy drop; ct state established accept; }; }";
    private const string Sending = "table inet f { chain o { type filter hook output priority 0; policy drop; tcp dport 22 accept; }; }";
    private const string Counting = "table inet f { chain o { type filter hook output priority 0; tcp dport 22 counter; }; }";
    private const string Stateless = "table inet f { chain c { type filter hook input priority 0; policy drop; tcp dport 22 accept; }; }";

    private readonly string _rules = Path.GetTempFileName();

    public void Dispose() => File.Delete(_rules);

    [Theory]
    [InlineData(Stateful, BackEndKind.Isolated, true)]
    [InlineData(Stateful, BackEndKind.Offline, false)]
    [InlineData(Stateless, BackEndKind.Isolated, false)]
    [InlineData(Sending, BackEndKind.Isolated, true)]
    [InlineData(Sending, BackEndKind.Offline, false)]
    [InlineData(Counting, BackEndKind.Isolated, false)]
    public void Rules_That_Need_What_Linux_Sends_Are_Refused_Where_The_Core_Does_Not_See_What_Linux_Sends(string rules, BackEndKind backEnd, bool isRefused)
    {
        File.WriteAllText(_rules, rules);
        ServicePlan plan = new() { Image = "/firewall.sosimg", Options = new Dictionary<string, string> { ["rules"] = _rules } };
        TableRequest request = new(plan, [new KnownPort("nic", ["eth0"])], _ => { }) { BackEnd = backEnd };
        SosException? refusal = Record.Exception(() => Assert.NotNull(new FirewallCompanion().BuildTable(request))) as SosException;
        Assert.Equal(isRefused, refusal is not null);
        Assert.Contains("without --rules", refusal?.Message ?? "without --rules", StringComparison.Ordinal);
    }

    [Fact]
    public void As_Much_Memory_Is_Given_As_The_Flows_That_Are_Asked_For_Need()
    {
        Assert.Equal(0ul, Configure([]).ArenaSize);
        ulong few = Configure(new() { ["flows"] = "1024" }).ArenaSize;
        ulong many = Configure(new() { ["flows"] = $"{FlowTable.CapacityMax}" }).ArenaSize;
        Assert.InRange(many - few, FlowTable.BytesFor(FlowTable.CapacityMax) - FlowTable.BytesFor(1024), ulong.MaxValue / 2);
    }

    [Fact]
    public void As_Much_Memory_Is_Given_As_The_Sets_That_Are_Asked_For_Need()
    {
        ulong few = Configure(new() { ["set-memory"] = "1" }).ArenaSize;
        ulong many = Configure(new() { ["set-memory"] = "65", ["flows"] = $"{FlowSettings.CapacityDefault}" }).ArenaSize;
        Assert.Equal(64ul << 20, many - few);
        ServicePlan plan = new() { Image = "/firewall.sosimg", Options = new Dictionary<string, string> { ["rules"] = _rules } };
        Assert.Equal(7ul << 20, new FirewallCompanion().Configure(new ServiceConfiguration(), plan).ArenaSize - few); // the default
    }

    [Theory]
    [InlineData(1_000_000, null, 27)]
    [InlineData(1_000_000, "26", 27)]
    [InlineData(1_000_000, "27", null)]
    [InlineData(200_000, null, null)]
    public void Rules_Whose_Sets_Have_Too_Little_Memory_Are_Refused(int size, string? memory, int? asked)
    {
        string chain = "chain c { type filter hook input priority 0; add @s { ip saddr }; }";
        File.WriteAllText(_rules, $"table inet f {{ set s {{ type ipv4_addr; size {size}; flags dynamic; }}; {chain}; }}");
        ServicePlan plan = new() { Image = "/firewall.sosimg", Options = new Dictionary<string, string> { ["rules"] = _rules } };
        plan = memory is null ? plan : plan with { Parameters = new Dictionary<string, string> { ["set-memory"] = memory } };
        TableRequest request = new(plan, [new KnownPort("nic", ["eth0"])], _ => { }) { BackEnd = BackEndKind.Offline };
        SosException? refusal = Record.Exception(() => Assert.NotNull(new FirewallCompanion().BuildTable(request))) as SosException;
        Assert.Equal(asked is not null, refusal is not null);
        Assert.EndsWith($"set-memory={asked}", refusal?.Message ?? $"set-memory={asked}", StringComparison.Ordinal);
    }

    [Fact]
    public void Each_Start_Has_A_Secret_Of_Its_Own()
    {
        string[] secrets = [.. Enumerable.Range(0, 3).Select(_ => Configure([]).Parameters["flow-seed"])];
        Assert.Equal(3, secrets.Distinct().Count());
        Assert.All(secrets, secret => Assert.Equal(FlowSecret.Size * 2, secret.Length));
    }

    private static ServiceConfiguration Configure(Dictionary<string, string> parameters)
        => new FirewallCompanion().Configure(
            new ServiceConfiguration { Parameters = parameters }, new ServicePlan { Image = "/firewall.sosimg", Parameters = parameters });
}
