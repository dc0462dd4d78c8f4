using System;
using System.Collections.Generic;
using Sos.Cores.Companions;

namespace Sos.Cores.Tests.Operations;

/// <summary>The companion of the sample Hello in these tests: its table is the text of the option "text".</summary>
internal sealed class NamedCompanion : ICompanion
{
    public const string TextOption = "text";

    /// <summary>Happens while a table is built, which takes its time.</summary>
    public Action Meanwhile { get; set; } = () => { };

    public string Service => "Hello";

    public IReadOnlyList<ServiceParameter> Parameters { get; } = [ServiceParameter.Number("size", 1, 10)];

    public IReadOnlyList<StartOption> Options { get; } = [new(TextOption, "A text", IsFile: false)];

    public ServiceTable? BuildTable(TableRequest request)
    {
        Meanwhile();
        return request.Plan.Options.TryGetValue(TextOption, out string? text) ? new ServiceTable(new byte[64 + text.Length], [text]) : null;
    }
}
