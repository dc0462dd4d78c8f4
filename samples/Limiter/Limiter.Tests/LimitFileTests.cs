using System;
using System.Linq;
using Limiter.Control;
using Sos.Cores;
using Sos.Cores.Companions;
using Xunit;

namespace Limiter.Tests;

public class LimitFileTests
{
    [Fact]
    public void EntriesAreInTheOrderOfTheirAddresses()
    {
        using TemporaryFile file = new("# what each may get\n192.0.2.200 7 # seven\n\n\t10.0.0.1\t1000\n");
        ServiceTable table = LimitFile.Read(file.Path);
        Assert.Equal(["10.0.0.1 1000", "192.0.2.200 7"], table.Labels);
        Assert.Equal(LimitTable.EntriesOffset + (2 * LimitEntry.Size), table.Bytes.Length);
    }

    [Theory]
    [InlineData("10.0.0.1 5\n10.0.0.256 5", ":2: a line is an IPv4 address")]
    [InlineData("10.0.1 5", ":1: a line is an IPv4 address")]
    [InlineData("10.0.0.1", ":1: a line is an IPv4 address")]
    [InlineData("10.0.0.1 5 6", ":1: a line is an IPv4 address")]
    [InlineData("10.0.0.1 0", "\"0\" is no number of packets a second from 1 to 10000000")]
    [InlineData("10.0.0.1 -1", "\"-1\" is no number")]
    [InlineData("10.0.0.1 10000001", "\"10000001\" is no number")]
    [InlineData("10.0.0.1 5\n\n10.0.0.1 6", ":3: 10.0.0.1 has a limit on line 1 already")]
    public void AWrongLineIsNamed(string text, string reason)
    {
        using TemporaryFile file = new(text);
        SosException refused = Assert.Throws<SosException>(() => LimitFile.Read(file.Path));
        Assert.Equal(SosError.BadTable, refused.Error);
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MoreEntriesThanTheTableHoldsAreRefused()
    {
        using TemporaryFile file = new(string.Join('\n', Enumerable.Range(0, LimitTable.EntriesMax + 1).Select(host => $"10.0.0.{host} 1")));
        Assert.Contains(
            $":{LimitTable.EntriesMax + 1}: a table has {LimitTable.EntriesMax} entries at most",
            Assert.Throws<SosException>(() => LimitFile.Read(file.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnyTextIsATableOrRefusedByItsLine()
    {
        const string signs = "0123456789.. \t\n\n#-x";
        int accepted = 0;
        for (int seed = 0; seed < 2000; seed++)
        {
            Random random = new(seed);
            string text = new([.. Enumerable.Range(0, random.Next(12)).Select(_ => signs[random.Next(signs.Length)])]);
            using TemporaryFile file = new(seed % 2 == 0 ? text : $"10.0.0.1 {text}");
            try
            {
                ServiceTable table = LimitFile.Read(file.Path);
                Assert.Equal(LimitTable.EntriesOffset + (table.Labels.Count * LimitEntry.Size), table.Bytes.Length);
                accepted++;
            }
            catch (SosException e)
            {
                Assert.Equal(SosError.BadTable, e.Error);
                Assert.StartsWith($"{file.Path}:", e.Message, StringComparison.Ordinal);
            }
        }

        Assert.InRange(accepted, 1, 1999);
    }

    [Fact]
    public void AMissingFileIsNotFound()
        => Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => LimitFile.Read("/nonexistent/limits")).Error);
}
