using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Sos.Lab;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Sos.Traffic;
using Sos.Traffic.Clients;
using Sos.Traffic.Wire;

namespace Sos.Demo.Scenes;

/// <summary>Sends the good clients, and in the middle of their time the flood, through a scene.</summary>
internal sealed class SceneRun(LabMachine machine, LabPeer client, Wire wire, Progress progress)
{
    /// <summary>The clients alone, before the flood.</summary>
    public static readonly TimeSpan Before = TimeSpan.FromSeconds(4);

    /// <summary>The flood.</summary>
    public static readonly TimeSpan Flood = TimeSpan.FromSeconds(20);

    /// <summary>The clients alone again.</summary>
    public static readonly TimeSpan After = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ClientsLimit = TimeSpan.FromSeconds(90);

    /// <summary>Runs.</summary>
    /// <param name="name">What the progress line says.</param>
    /// <param name="scene">Who filters.</param>
    /// <param name="packetsPerSecond">The flood's rate.</param>
    /// <exception cref="LabException">The lab failed: the clients could not even begin, or a tool ended.</exception>
    public async Task<SceneMeasurement> MeasureAsync(string name, IScene scene, long packetsPerSecond)
    {
        string results = Path.GetTempFileName();
        long droppedBefore = await scene.ReadDroppedAsync();
        try
        {
            progress.Say($"{name}: the good clients begin");
            TimeSpan all = Before + Flood + After;
            string command = string.Join(' ', "exec", "dotnet", Wire.Program, "clients", LabNetwork.MachineIPv4(),
                GuestFiles.Page,
                GuestFiles.PageLength.ToString(CultureInfo.InvariantCulture),
                all.TotalSeconds.ToString(CultureInfo.InvariantCulture),
                results, "sh", "-c", $"'exec {machine.SshCommand()} cat'");
            Process clients = client.Start(command);
            await WaitForStartAsync(clients);
            Stopwatch clock = Stopwatch.StartNew();
            using CancellationTokenSource ended = new();
            Task<List<WireSample>> sampling = SampleAsync(clock, ended.Token);
            Task reporting = ReportAsync(name, clients, clock);
            SceneMeasurement flood = await FloodAsync(scene, packetsPerSecond, clock, droppedBefore);
            await clients.WaitForExitAsync().WaitAsync(ClientsLimit);
            await reporting;
            await ended.CancelAsync();
            return flood with { Requests = ReadRequests(results), Samples = await sampling };
        }
        finally
        {
            File.Delete(results);
        }
    }

    private async Task<SceneMeasurement> FloodAsync(
        IScene scene, long packetsPerSecond, Stopwatch clock, long droppedBefore)
    {
        await DelayUntilAsync(clock, Before);
        WireStatistics wireBefore = await wire.ReadAsync();
        double start = clock.Elapsed.TotalSeconds;
        await wire.FloodAsync(packetsPerSecond);
        GuestReading guestBefore = await GuestReading.TakeAsync(machine); // The flood waits for no answer of a slow machine.
        await DelayUntilAsync(clock, TimeSpan.FromSeconds(start) + Flood);
        await wire.FloodAsync(0);
        double end = clock.Elapsed.TotalSeconds;
        WireStatistics wireAfter = await wire.ReadAsync();
        GuestReading guestAfter = await GuestReading.TakeAsync(machine);
        return new SceneMeasurement
        {
            Requests = [],
            Samples = [],
            FloodStartS = start,
            FloodEndS = end,
            Wire = wireAfter.Since(wireBefore),
            DroppedByRules = await scene.ReadDroppedAsync() - droppedBefore,
            SoftirqShare = guestAfter.SoftirqShareSince(guestBefore),
            NetworkInterrupts = guestAfter.InterruptsSince(guestBefore, scene.InterruptName),
            NetworkSoftirqs = guestAfter.NetworkSoftirqs - guestBefore.NetworkSoftirqs,
        };
    }

    private static async Task WaitForStartAsync(Process clients)
    {
        string? line = await clients.StandardOutput.ReadLineAsync().WaitAsync(ClientsLimit);
        if (line != ClientsStart.Line)
        {
            throw new LabException(
                $"the good clients did not get through before the flood: {await clients.StandardError.ReadToEndAsync()}");
        }
    }

    private async Task ReportAsync(string name, Process clients, Stopwatch clock)
    {
        while (await clients.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.Split(' ') is [var served, var asked])
            {
                string phase = clock.Elapsed < Before ? "before the flood"
                    : clock.Elapsed < Before + Flood ? "FLOOD" : "after the flood";
                progress.Say($"{name}: {clock.Elapsed.TotalSeconds,2:0} s, {phase}: {served} of {asked} good requests served");
            }
        }
    }

    private async Task<List<WireSample>> SampleAsync(Stopwatch clock, CancellationToken ended)
    {
        List<WireSample> samples = [];
        WireStatistics last = await wire.ReadAsync();
        while (!ended.IsCancellationRequested)
        {
            await Task.Delay(SampleInterval, CancellationToken.None);
            WireStatistics now = await wire.ReadAsync();
            WireStatistics change = now.Since(last);
            last = now;
            samples.Add(new WireSample(
                clock.Elapsed.TotalSeconds, change.FloodOffered / change.TimeS, change.FloodDelivered / change.TimeS));
        }

        return samples;
    }

    private static async Task DelayUntilAsync(Stopwatch clock, TimeSpan moment)
    {
        TimeSpan wait = moment - clock.Elapsed;
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait);
        }
    }

    private static List<Request> ReadRequests(string file) =>
        [.. File.ReadLines(file).Select(line => JsonSerializer.Deserialize(line, TrafficJson.Default.Request)!)];
}
