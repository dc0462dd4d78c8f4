using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using Sos.Cores.Companions;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Cores.Running;

namespace Sos.Cores.Tests.InMemory;

/// <summary>A machine of four cpus with both back ends in memory and two network devices; its records lie in a folder of its own.</summary>
internal sealed class InMemoryMachine : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("sos-machine-").FullName;

    public InMemoryMachine(params IReadOnlyList<ICompanion> companions)
    {
        Write("sys/devices/system/cpu/present", "0-3");
        Write("sys/devices/system/cpu/online", "0-3");
        foreach (int cpu in Enumerable.Range(1, 3))
        {
            Write($"sys/devices/system/cpu/cpu{cpu}/online", "1");
        }

        Directory.CreateDirectory(Path.Combine(_root, "proc"));
        Directory.CreateDirectory(Folder);
        foreach (string name in (string[])["eth0", "eth1"])
        {
            Offline.Devices.Add(name, new InMemoryDevice(name));
        }

        BackEnds = new CoreBackEnds([Offline, Isolated], Folder, new CpuTopology(Path.Combine(_root, "sys"), Path.Combine(_root, "proc")));
        CompanionCatalogue catalogue = new(companions);
        Cores = new CoreOperations(BackEnds);
        Services = new ServiceOperations(BackEnds, catalogue);
        Enabled = new EnabledOperations(BackEnds, catalogue);
        Readings = new ServiceReadings(BackEnds);
    }

    public InMemoryBackEnd Offline { get; } = new(BackEndKind.Offline);

    public InMemoryBackEnd Isolated { get; } = new(BackEndKind.Isolated);

    public CoreBackEnds BackEnds { get; }

    public CoreOperations Cores { get; }

    public ServiceOperations Services { get; }

    public EnabledOperations Enabled { get; }

    public ServiceReadings Readings { get; }

    /// <summary>Where the records and locks are.</summary>
    public string Folder => Path.Combine(_root, "run");

    /// <summary>A plan of the sample that takes no ports, or of the one that takes two.</summary>
    public static ServicePlan Plan(bool twoPorts = false) => new()
    {
        Image = Image(twoPorts ? "Bridge" : "Hello"),
        Ports = twoPorts ? [new PortPlan { Name = "wan", Device = "eth0" }, new PortPlan { Name = "lan", Device = "eth1" }] : [],
    };

    public CoreRecord? Record(int cpu) => CoreRecord.Read(cpu, Folder);

    public ReserveResult Reserve(int cpu) => Cores.Reserve(cpu, BackEnds.Choose(BackEndKind.Offline, new CoreOptions()), force: false, null);

    /// <summary>Reserves a core and starts a service on it.</summary>
    public StartResult Start(int cpu, ServicePlan plan)
    {
        Reserve(cpu);
        return Services.Start(cpu, plan);
    }

    public void Dispose()
    {
        Offline.Dispose();
        Isolated.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    private static string Image(string key)
        => typeof(InMemoryMachine).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == key).Value!;

    private void Write(string path, string text)
    {
        string whole = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(whole)!);
        File.WriteAllText(whole, text);
    }
}
