using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using Sos.Lab;
using Sos.TimerBench;

// usage: Sos.TimerBench [vm] [host]   (both without arguments)
bool vm = args.Length == 0 || args.Contains("vm");
bool host = args.Length == 0 || args.Contains("host");
string root = Metadata("Root");
string artifacts = Path.Combine(root, "artifacts");
string tools = Path.Combine(artifacts, "timer-bench");
Directory.CreateDirectory(tools);
string probe = Path.Combine(tools, "timer_probe");
using (Process compiler = Process.Start(
    "gcc", ["-static", "-O2", "-Wall", "-I", Path.Combine(root, "services/timer/include"), "-o", probe, Path.Combine(root, "bench/timer/timer_probe.c")]))
{
    await compiler.WaitForExitAsync();
    if (compiler.ExitCode != 0)
    {
        return 1;
    }
}

using IDisposable guard = RunId.RemoveOnSignal();
List<Measurement> measurements = [];
List<string> failures = [];
string machine = $"Host: {Environment.ProcessorCount} cpus.";
if (vm)
{
    await using GuestPlace guest = await GuestPlace.BootAsync(probe);
    machine += $" Virtual machine: {await guest.DescribeAsync()}, 4 virtual cpus.";
    foreach (string load in (string[])["idle", "loaded"])
    {
        Series series = new(guest, load, Console.Error.WriteLine);
        await guest.MeasureAsync(series, load == "loaded");
        measurements.AddRange(series.Measurements);
        failures.AddRange(series.Failures);
    }
}

if (host)
{
    HostPlace here = new(tools, Path.Combine(artifacts, "guest", "sosctl"), root, Metadata("Configuration"));
    foreach (string load in (string[])["idle", "loaded"])
    {
        Series series = new(here, load, Console.Error.WriteLine);
        await here.MeasureAsync(series, load == "loaded");
        measurements.AddRange(series.Measurements);
        failures.AddRange(series.Failures);
    }
}

BenchResult result = new(machine, measurements, failures);
File.WriteAllText(Path.Combine(artifacts, "bench-timer.json"), JsonSerializer.Serialize(result, BenchJson.Default.BenchResult));
File.WriteAllText(Path.Combine(artifacts, "bench-timer.svg"), ResultPlot.Draw(result));
ResultText.Write(Console.Out, result);
Console.WriteLine();
Console.WriteLine(
    "A virtual cpu is a thread of its host: what the host does to it is in every number above, the service core's too. What the virtual machine shows is "
    + "that Linux counts nothing on a service core. For numbers, measure on the machine that counts: docs/quiet.md.");
Console.WriteLine("written: artifacts/bench-timer.json, artifacts/bench-timer.svg");
return measurements.Count > 0 ? 0 : 1;

static string Metadata(string key)
    => typeof(Measurement).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;
