using System;
using System.Collections.Generic;
using System.IO;
using Sos.Cores.Isolation;
using Sos.Cores.Native;
using Xunit;

namespace Sos.Cores.Tests.Isolation;

/// <summary>Settings that a fence changed are back though Linux refuses one of the writes once.</summary>
public sealed class FencePutBackTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sos-fence-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void EachWriteMayFailOnce()
    {
        string[] paths = [Path.Combine(_folder, "7_list"), Path.Combine(_folder, "8_list"), Path.Combine(_folder, "mask")];
        string[] before = ["0-3", "2-3", "f"];
        string[] after = ["0-2", "0-2", "7"];
        FenceRecord record = new()
        {
            Cpu = 3,
            Method = FenceMethod.Affinity,
            Folder = _folder,
            Settings = [.. Setting(paths, before, after)],
        };
        for (int failing = 0; failing < paths.Length; failing++)
        {
            for (int i = 0; i < paths.Length; i++)
            {
                File.WriteAllText(paths[i], after[i]);
            }

            int call = 0;
            int at = failing;
            FaultPoint.Before = _ => call++ == at ? Errno.Busy : 0;
            List<string> notes = [];
            try
            {
                FenceSettings.PutBack(record, CpuSet.Empty, notes);
            }
            finally
            {
                FaultPoint.Before = null;
            }

            Assert.Empty(notes);
            Assert.True(call > paths.Length);
            for (int i = 0; i < paths.Length; i++)
            {
                Assert.Equal(FenceSettings.Parse(paths[i], before[i]), FenceSettings.Parse(paths[i], File.ReadAllText(paths[i])));
            }
        }
    }

    [Fact]
    public void AWriteThatIsRefusedForGoodIsTold()
    {
        string path = Path.Combine(_folder, "7_list");
        File.WriteAllText(path, "0-2");
        FenceRecord record = new()
        {
            Cpu = 3,
            Method = FenceMethod.Affinity,
            Folder = _folder,
            Settings = [.. Setting([path], ["0-3"], ["0-2"])],
        };
        List<string> notes = [];
        FaultPoint.Before = _ => Errno.NotPermitted;
        try
        {
            FenceSettings.PutBack(record, CpuSet.Empty, notes);
        }
        finally
        {
            FaultPoint.Before = null;
        }

        Assert.Contains(path, Assert.Single(notes), StringComparison.Ordinal);
    }

    private static IEnumerable<FencedSetting> Setting(string[] paths, string[] before, string[] after)
    {
        for (int i = 0; i < paths.Length; i++)
        {
            yield return new FencedSetting(paths[i], before[i], after[i]);
        }
    }
}
