using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using Sos.Cores;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>A service on an isolated core: the commands and what they say are those of an unplugged one.</summary>
public sealed class ServiceTests : IsolatedScenario
{
    /// <summary>Polls of a service that is to fail, before it does: some seconds.</summary>
    private const ulong PollsBefore = 200_000_000;

    private static readonly string Hello = Command.Metadata("Hello");

    [Fact]
    public void HelloRunsAndStopsAndStartsAgain()
    {
        Reserve();
        for (ulong start = 1; start <= 2; start++)
        {
            Start(Hello);
            JsonElement status = Status();
            Assert.Equal(("Running", start), (status.GetProperty("state").GetString(), status.GetProperty("starts").GetUInt64()));
            ulong polls = status.GetProperty("polls").GetUInt64();
            Command.Await(() => Status().GetProperty("polls").GetUInt64() > polls, "it does not poll");
            JsonElement stopped = Command.SosctlJson(null, "service", "stop", $"{Cpu}").Succeeded().Json;
            Assert.Equal(("Stopped", 0L), (stopped.GetProperty("state").GetString(), stopped.GetProperty("exit_code").GetInt64()));
            Assert.Equal("Reserved", State());
        }
    }

    [Fact]
    public void TheImageThatRunsIsTheFileByteForByte()
    {
        Reserve();
        Start(Hello);
        string hash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Hello)));
        JsonElement shown = Command.SosctlJson(null, "image", "show", Hello).Succeeded().Json;
        Assert.Equal((hash, hash), (Status().GetProperty("image_sha256").GetString(), shown.GetProperty("sha256").GetString()));
        Assert.Equal(shown.GetProperty("build_id").GetString(), Status().GetProperty("build_id").GetString());
    }

    [Fact]
    public void ItsProcessesHaveNoRightsAndItRunsOnItsCpuAlone()
    {
        Reserve();
        Start(Hello);
        int runner = Process("process");
        foreach (int process in new[] { runner, Process("keeper") })
        {
            string status = File.ReadAllText($"/proc/{process}/status");
            Assert.Matches(@"(?m)^CapEff:\s+0+$", status);
            Assert.Matches(@"(?m)^CapPrm:\s+0+$", status);
            Assert.Matches(@"(?m)^NoNewPrivs:\s+1$", status);
            Assert.Matches(@"(?m)^Seccomp:\s+2$", status);
        }

        Assert.Matches($@"(?m)^Cpus_allowed_list:\s+{Cpu}$", File.ReadAllText($"/proc/{runner}/status"));
        Assert.DoesNotMatch($@"(?m)^Cpus_allowed_list:\s+{Cpu}$", File.ReadAllText($"/proc/{Process("keeper")}/status"));
        string[] maps = [.. File.ReadLines($"/proc/{runner}/maps")];
        Assert.DoesNotContain(maps, line => line.Split(' ')[1].StartsWith("rwx", StringComparison.Ordinal));
    }

    [Fact]
    public void AFaultIsRecordedWithMethodAndLine()
    {
        Reserve();
        StartFaulty(1);
        Command.Await(() => State() == "Failed", "it goes on");
        JsonElement fault = Status().GetProperty("fault");
        Assert.Equal((14u, 0ul), (fault.GetProperty("vector").GetUInt32(), fault.GetProperty("address").GetUInt64()));
        Assert.Contains("WriteTo", fault.GetProperty("at").GetString(), StringComparison.Ordinal);
        Assert.Contains("FaultyService.cs", fault.GetProperty("at").GetString(), StringComparison.Ordinal);
        Assert.Equal(1ul, Status().GetProperty("faults").GetUInt64());
        JsonElement stopped = Command.SosctlJson(null, "service", "stop", $"{Cpu}").Succeeded().Json;
        Assert.Equal("Failed", stopped.GetProperty("state").GetString());
        Start(Hello);
        Assert.Equal("Running", State());
    }

    [Fact]
    public void AServiceThatDoesNotObeyIsStoppedByForce()
    {
        Reserve();
        StartFaulty(4);
        Command.Await(() => Status().GetProperty("polls").GetUInt64() >= PollsBefore, "it does not get to where it hangs");
        JsonElement stopped = Command.SosctlJson(null, "service", "stop", $"{Cpu}", "--timeout", "50").Succeeded().Json;
        Assert.Equal("Failed", stopped.GetProperty("state").GetString());
        Assert.Contains("force", stopped.GetProperty("fault").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void TheWatchdogEndsAServiceThatDoesNotPoll()
    {
        Reserve();
        StartFaulty(4, "--watchdog", "2s");
        Assert.Equal(2000, Status().GetProperty("watchdog_ms").GetDouble());
        Command.Await(() => State() == "Failed", "nobody ends it");
        JsonElement fault = Status().GetProperty("fault");
        Assert.Equal(FaultRecord.HungVector, fault.GetProperty("vector").GetUInt32());
        Assert.Contains("FaultyService.cs", fault.GetProperty("at").GetString(), StringComparison.Ordinal);
        Assert.Equal(1ul, Status().GetProperty("faults").GetUInt64());
        JsonElement stopped = Command.SosctlJson(null, "service", "stop", $"{Cpu}").Succeeded().Json;
        Assert.Contains("watchdog", stopped.GetProperty("fault").GetString(), StringComparison.Ordinal);

        // What the image states is the default, where it states something; a forced stop afterwards is none of the watchdog's.
        StartFaulty(4, "--watchdog", "off");
        Assert.Equal(JsonValueKind.Null, Status().GetProperty("watchdog_ms").ValueKind);
        Command.Await(() => Status().GetProperty("polls").GetUInt64() >= PollsBefore, "it does not get to where it hangs");
        stopped = Command.SosctlJson(null, "service", "stop", $"{Cpu}", "--timeout", "50").Succeeded().Json;
        Assert.Contains("force", stopped.GetProperty("fault").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void SosdStartsAgainWhatFailedUpToItsLimit()
    {
        using Daemon daemon = Daemon.Start();
        Reserve();
        StartFaulty(1, "--restart", "on-fault", "--restart-limit", "1");
        Command.Await(() => Status().GetProperty("starts").GetUInt64() == 2, "it is not started again");
        Command.Await(() => daemon.Log.Contains("given up after 1 restarts", StringComparison.Ordinal), "the limit is not kept");
        Assert.Equal(("Failed", 2ul), (State(), Status().GetProperty("starts").GetUInt64()));
        Command.Sosctl("service", "stop", $"{Cpu}").Succeeded();

        Start(Hello, "--restart", "always");
        Command.Shell($"kill -9 {Process("process")}").Succeeded();
        Command.Await(() => Status() is var status && status.GetProperty("starts").GetUInt64() == 4 && State() == "Running", "it is not started again");
        Command.Sosctl("service", "stop", $"{Cpu}").Succeeded();
        Assert.Equal("Reserved", State());
    }

    [Fact]
    public void AProcessThatIsKilledIsReported()
    {
        Reserve();
        Start(Hello);
        Command.Shell($"kill -9 {Process("process")}").Succeeded();
        Command.Await(() => State() == "Failed", "its death is not seen");
        JsonElement status = Status();
        Assert.Equal(JsonValueKind.Null, status.GetProperty("fault").ValueKind);
        Assert.Contains(status.GetProperty("remarks").EnumerateArray(), remark => remark.GetString()!.Contains("gone", StringComparison.Ordinal));
        Command.Sosctl("service", "stop", $"{Cpu}").Succeeded();
        Assert.Equal(1ul, Status().GetProperty("faults").GetUInt64());
    }

    [Fact]
    public void ReleaseStopsWhatRuns()
    {
        Reserve();
        Start(Hello);
        int runner = Process("process");
        Command.Sosctl("core", "release", $"{Cpu}").Succeeded();
        Command.Await(() => !Directory.Exists($"/proc/{runner}"), "its process is still there");
        Assert.False(Directory.Exists($"/dev/shm/sos/core-{Cpu}") || Directory.Exists($"/run/sos/core-{Cpu}"));
    }

    private void Start(string image, params IEnumerable<string> options)
        => Command.Sosctl(["service", "start", $"{Cpu}", image, .. options]).Succeeded();

    /// <summary>Starts what fails after some polls: after its start is reported.</summary>
    private void StartFaulty(int fault, params IEnumerable<string> options)
        => Start(Command.Metadata("Faulty"), ["-p", $"fault={fault}", "-p", "address=0", "-p", $"after_polls={PollsBefore}", .. options]);

    private int Process(string kind)
        => Status().GetProperty("remarks").EnumerateArray().Select(remark => Regex.Match(remark.GetString()!, $@"\b{kind} (\d+)"))
            .Where(match => match.Success).Select(match => int.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture)).First();
}
