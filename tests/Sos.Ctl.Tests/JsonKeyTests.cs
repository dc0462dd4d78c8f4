using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Xunit;

namespace Sos.Ctl.Tests;

/// <summary>docs/sosctl.md lists every key of every document that sosctl itself writes.</summary>
public sealed partial class JsonKeyTests
{
    // A document by the command whose row lists its keys.
    private static readonly Dictionary<Type, string> Commands = new()
    {
        [typeof(CoreListDocument)] = "core list",
        [typeof(CoreReservedDocument)] = "core reserve",
        [typeof(CoreLeaseDocument)] = "core renew",
        [typeof(CoreReleasedDocument)] = "core release",
        [typeof(ServiceListDocument)] = "service list",
        [typeof(ServiceEnabledDocument)] = "service enable",
        [typeof(ServiceDisabledDocument)] = "service disable",
        [typeof(ServiceCheckDocument)] = "service check",
        [typeof(ServiceStartedDocument)] = "service start",
        [typeof(ServiceStoppedDocument)] = "service stop",
        [typeof(ServiceStatusDocument)] = "service status",
        [typeof(LogDocument)] = "service log",
        [typeof(TopDocument)] = "top",
        [typeof(CompletionDocument)] = "completion",
        [typeof(DeviceListDocument)] = "device list",
        [typeof(DeviceMovedDocument)] = "device claim",
        [typeof(ImageBuiltDocument)] = "image build",
        [typeof(ImageVerifiedDocument)] = "image verify",
        [typeof(ImageDocument)] = "image show",
        [typeof(ImageMapDocument)] = "image map",
        [typeof(DoctorDocument)] = "doctor",
        [typeof(VersionDocument)] = "version",
    };

    // Their keys stand in one row, to which the others refer.
    private static readonly Type[] ToldElsewhere = [typeof(PortEntry)];

    private static readonly string[] Page = File.ReadAllLines(Path.Combine(RepositoryRoot(), "docs", "sosctl.md"));

    public static TheoryData<string> Documented => [.. Commands.Values];

    // The manual's own document is for the build of the packages.
    [Fact]
    public void EveryDocumentHasARow()
    {
        IEnumerable<Type> written = typeof(Documents).GetCustomAttributesData()
            .Where(data => data.AttributeType == typeof(JsonSerializableAttribute)).Select(data => (Type)data.ConstructorArguments[0].Value!);
        Assert.Equal([typeof(ManualDocument)], written.Except(Commands.Keys));
    }

    [Theory]
    [MemberData(nameof(Documented))]
    public void ItsRowListsItsKeys(string command)
    {
        HashSet<string> listed = [.. Word().Matches(Row(command)).Select(match => match.Value)];
        bool isWhole = command == "service status";
        Assert.Empty(Keys(Commands.Single(entry => entry.Value == command).Key, isWhole ? [] : ToldElsewhere).Except(listed));
    }

    private static string Row(string command) => Assert.Single(
        Page.SkipWhile(line => line != "## JSON"), line => line.StartsWith('|') && line.Split('|')[1].Contains($"`{command}`", StringComparison.Ordinal))
        .Split('|', 3)[2];

    private static IEnumerable<string> Keys(Type document, Type[] elsewhere)
    {
        foreach (JsonPropertyInfo property in Documents.Current.GetTypeInfo(document)!.Properties)
        {
            yield return property.Name;
            Type type = property.PropertyType;
            Type inner = type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) ? type.GetGenericArguments()[0] : type;
            if (inner.Namespace == typeof(Documents).Namespace && !elsewhere.Contains(inner))
            {
                foreach (string key in Keys(inner, elsewhere))
                {
                    yield return key;
                }
            }
        }
    }

    private static string RepositoryRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Sos.slnx")))
        {
            folder = folder.Parent;
        }

        return folder.FullName;
    }

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}
